"""The chapter on backup and restore, tried as it is written"""

import os
import re
import subprocess
from pathlib import Path

import psycopg
import pytest

from config.checks import SALTS
from config.db.embedded_postgres import database_url
from config.db.postgres_programs import installed
from tests.support.live_client import event, send_request
from tests.support.migrated_data import first_run_on_migrated_data
from tests.support.postgres_server import Postgres
from tests.support.processes import temporary_directory
from tests.support.server import ROOT, generate_traffic, production_environment, serving

CHAPTER = (ROOT / "config" / "docs" / "backup.md").read_text()
COUNTS = {
    "main_url": "SELECT (SELECT count(*) FROM websites_website), "
    "(SELECT count(*) FROM analytics_funnelevent)",
    "analytics_url": "SELECT (SELECT count(*) FROM analytics_event), "
    "(SELECT count(*) FROM analytics_session), (SELECT count(*) FROM activity_events)",
}


def shell(title, environment, *, cwd=ROOT, before=""):
    """Run the block of the chapter that begins with a comment."""
    [block] = re.findall(rf"```sh\n# {title}\n(.*?)```", CHAPTER, re.DOTALL)
    script = f"set -eu\n{before}\n{block}"
    done = subprocess.run(
        ["sh", "-c", script], cwd=cwd, env=environment, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return block


def ask(url, query):
    with psycopg.connect(url) as link:
        return link.execute(query).fetchone()


@pytest.fixture
def backups():
    with temporary_directory() as path:
        yield path


def test_both_databases_are_restored_from_their_dumps(backups):
    with temporary_directory() as path, Postgres(path / "var", fsync="off") as server:
        environment = production_environment(
            path / "var", main_url=server.main_url, analytics_url=server.analytics_url
        ) | {"BACKUPS": str(backups), "PATH": f"{installed()}:{os.environ['PATH']}"}
        generate_traffic(environment, events=20_000)
        with psycopg.connect(server.analytics_url) as link:
            link.execute("INSERT INTO config_dailysalt VALUES (now(), 'salt')")
        before = {name: ask(getattr(server, name), query) for name, query in COUNTS.items()}
        shell("back up", environment)
        subprocess.run(
            ["pg_dump", "--format=custom", f"--file={backups}/naive", server.analytics_url],
            env=environment,
            check=True,
        )
        has_salts = {dump.name: SALTS in dump.read_bytes() for dump in backups.iterdir()}
        assert [name for name, has in has_salts.items() if has] == ["naive"]
        (backups / "naive").unlink()
        [day] = {dump.stem.partition("-")[2] for dump in backups.iterdir()}

        with psycopg.connect(database_url(path / "var", "postgres"), autocommit=True) as link:
            for name in ("restored", "restored_analytics"):
                link.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        main, analytics = (
            database_url(path / "var", name) for name in ("restored", "restored_analytics")
        )
        environment |= {"DATABASE_URL": main, "ANALYTICS_DATABASE_URL": analytics, "day": day}
        shell("restore", environment)
        after = {"main_url": ask(main, COUNTS["main_url"])}
        after["analytics_url"] = ask(analytics, COUNTS["analytics_url"])
        assert after == before
        assert all(count > 0 for counts in after.values() for count in counts)
        assert ask(analytics, "SELECT count(*) FROM config_dailysalt") == (0,)


def test_a_copy_of_the_embedded_server_is_put_back(backups):
    with temporary_directory() as path:
        var_dir = path / "var"
        environment = first_run_on_migrated_data(var_dir)
        environment |= {"BACKUPS": str(backups)}
        with serving(environment) as server:
            sent = event(server.value_of("Tracking code"))
            assert send_request(server.port, "POST", "/api/v1/events", sent).status == 201
            (path / ".venv").symlink_to(Path(os.path.realpath(ROOT / ".venv")))
            programs = shell("programs and databases", environment, cwd=path)
            shell("back up", environment, cwd=path, before=programs)
            server.process.terminate()
            assert server.process.wait() == 0
        assert len(list(backups.iterdir())) == 2
        shell("copy", environment, cwd=path)
        var_dir.rename(path / "away")
        shell("put back", environment, cwd=path)
        with serving(environment) as again:
            assert again.value_of("Tracking code") == server.value_of("Tracking code")
            url = database_url(var_dir, "millrace_analytics")
            assert ask(url, "SELECT count(*) FROM analytics_event") == (1,)
