"""A rolling restart: new code takes over under load, and no post is refused"""

import os
import shutil
import signal
from pathlib import Path

import pytest

from config import __version__
from config.db.embedded_postgres import database_url
from tests.support.live_client import Connection, send_request
from tests.support.load import load_on
from tests.support.migrated_data import first_run_on_migrated_data
from tests.support.processes import temporary_directory, wait_until
from tests.support.redis_server import Redis
from tests.support.server import ROOT, serving

pytestmark = pytest.mark.slow

CLIENTS = 3


@pytest.fixture
def checkout():
    """A checkout of this service of its own, whose folder `config` may be changed."""
    with temporary_directory() as path:
        for each in ROOT.iterdir():
            if each.name not in {"config", "manage.py", "var"}:
                (path / each.name).symlink_to(each)
        shutil.copy(ROOT / "manage.py", path)
        shutil.copytree(ROOT / "config", path / "config")
        yield path


@pytest.fixture
def environment():
    with temporary_directory() as path, Redis() as redis:
        variables = {"WORKERS": "2", "REDIS_URL": redis.url}
        yield first_run_on_migrated_data(path / "var") | variables


def version(port):
    return send_request(port, "GET", "/health/live").json["version"]


def test_new_code_takes_over_without_refusing_a_post(checkout, environment):
    init = checkout / "config" / "__init__.py"
    with serving(environment, root=checkout) as server, Connection(server.port) as idle:
        assert idle.send("GET", "/health/live").json["version"] == __version__
        old = server.parent
        with load_on(server.port, server.value_of("Tracking code"), clients=CLIENTS) as load:
            init.write_text("nothing that Python reads")
            os.kill(server.process.pid, signal.SIGHUP)
            wait_until(lambda: "The old server goes on" in server.printed)
            assert (server.parent, version(server.port)) == (old, __version__)

            init.write_text("__version__ = '9.9'")
            os.kill(server.process.pid, signal.SIGHUP)
            wait_until(lambda: version(server.port) == "9.9")
            wait_until(lambda: idle.send("GET", "/health/live").headers["Connection"] == "close")
            wait_until(lambda: "The new server has taken over" in server.printed)
            assert server.parent != old
            load.wait_for_more(10)
        assert (load.failures, load.surprises) == (0, [])
        load.assert_kept_once(database_url(Path(environment["VAR_DIR"]), "millrace_analytics"))
