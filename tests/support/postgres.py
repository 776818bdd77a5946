"""pytest plugin: gives the suite a PostgreSQL of its own, before Django reads its settings.

With DATABASE_URL and ANALYTICS_DATABASE_URL in the environment the suite runs on those servers.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.db.embedded_postgres import EmbeddedPostgres, database_url

OPTIONS = {
    # Nothing here outlives the run, so nothing has to reach the disk.
    **{"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"},
    **{"shared_buffers": "256MB", "max_wal_size": "2GB", "checkpoint_timeout": "30min"},
    "autovacuum": "off",  # plans must not depend on when it came to count a few rows
}


@pytest.hookimpl(wrapper=True, tryfirst=True)  # a wrapper goes before pytest-django's own tryfirst
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Set up the environment in the controller; the workers of xdist inherit it."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the clean-up runs
        directory = Path(tempfile.mkdtemp(prefix="millrace-tests-"))
        early_config.add_cleanup(lambda: shutil.rmtree(directory))
        os.environ["VAR_DIR"] = str(directory / "var")
        os.environ["SECRET_KEY"] = "only-for-tests-0123456789-abcdefghijklmnopqrstuvwxyz"
        os.environ["SPOOL_BYTES"] = "0"  # but for the tests of the spool
        os.environ["ALLOWED_HOSTS"] = "localhost,127.0.0.1"
        # Some hundred processes would each compile the project anew, tests included.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        if not {"DATABASE_URL", "ANALYTICS_DATABASE_URL"} & os.environ.keys():
            _start_postgres(early_config, directory / "suite")
        if url := os.environ.get("CITUS_URL"):
            os.environ["ANALYTICS_DATABASE_URL"] = url
    return (yield)


def _start_postgres(config: pytest.Config, directory: Path) -> None:
    server = EmbeddedPostgres(directory, options=OPTIONS)
    config.add_cleanup(server.stop)
    server.start()
    os.environ["DATABASE_URL"] = database_url(directory, "millrace")
    os.environ["ANALYTICS_DATABASE_URL"] = database_url(directory, "millrace_analytics")
