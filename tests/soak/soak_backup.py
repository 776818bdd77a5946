"""The chapter on backup and restore, tried as it is written"""

import os
import re
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from config.checks import SALTS
from config.db.embedded_postgres import EmbeddedPostgres, database_url
from config.db.postgres_programs import installed
from tests.support.live_client import event, new_website, register, send_request
from tests.support.migrated_data import first_run_on_migrated_data
from tests.support.postgres_server import Postgres
from tests.support.processes import temporary_directory, wait_until
from tests.support.server import ROOT, generate_traffic, production_environment, serving

CHAPTER = (ROOT / "config" / "docs" / "backup.md").read_text()
MAIN_COUNTS = (
    "SELECT (SELECT count(*) FROM websites_website), (SELECT count(*) FROM analytics_funnelevent)"
)
ANALYTICS_COUNTS = (
    "SELECT (SELECT count(*) FROM analytics_event), (SELECT count(*) FROM analytics_session), "
    "(SELECT count(*) FROM activity_events)"
)


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


def ask_all(url, query):
    """Return the set of what a query returns in its first column."""
    with psycopg.connect(url) as link:
        return {row[0] for row in link.execute(query)}


def counts(main_url, analytics_url):
    return (*ask(main_url, MAIN_COUNTS), *ask(analytics_url, ANALYTICS_COUNTS))


def websites_and_events(server):
    websites, _, events, *_ = counts(server.main_url, server.analytics_url)
    return websites, events


def environment_of(server, backups):
    """Return the environment of a service on this server that keeps its backups there."""
    return production_environment(
        server.var_dir, main_url=server.main_url, analytics_url=server.analytics_url
    ) | {"BACKUPS": str(backups), "PATH": f"{installed()}:{os.environ['PATH']}"}


def restored(server, backups, environment):
    """Restore the only dumps into new databases; return the URLs of these."""
    with psycopg.connect(database_url(server.var_dir, "postgres"), autocommit=True) as link:
        for name in ("restored", "restored_analytics"):
            link.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    main, analytics = (
        database_url(server.var_dir, name) for name in ("restored", "restored_analytics")
    )
    [day] = {dump.stem.partition("-")[2] for dump in backups.iterdir()}
    urls = {"DATABASE_URL": main, "ANALYTICS_DATABASE_URL": analytics, "day": day}
    shell("restore", environment | urls)
    return main, analytics


def slow_dumps(path):
    """Return a directory with a pg_dump that waits for a second before it begins."""
    program = path / "slow" / "pg_dump"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nsleep 1\nexec {installed()}/pg_dump "$@"\n')
    program.chmod(0o755)
    return program.parent


@contextmanager
def websites_coming(port):
    """Make websites with an event each, all the time; give the list of their tracking codes."""
    token, made, has_ended = register(port), [], threading.Event()

    def make():
        while not has_ended.is_set():
            made.append(new_website(port, token))
            send_events(port, made[-1], 1)

    thread = threading.Thread(target=make)
    thread.start()
    try:
        yield made
    finally:
        has_ended.set()
        thread.join()


def send_events(port, tracking_code, number):
    for _ in range(number):
        response = send_request(port, "POST", "/api/v1/events", event(tracking_code))
        assert response.outcome == "stored"


def let_archive(server, backups):
    """Make the directory of the WAL, which the user of PostgreSQL writes and reaches."""
    backups.chmod(0o711)
    (backups / "wal").mkdir(mode=0o700)
    owner = (server.var_dir / "postgres").stat()
    os.chown(backups / "wal", owner.st_uid, owner.st_gid)


@pytest.fixture
def backups():
    with temporary_directory() as path:
        yield path


def test_both_databases_are_restored_from_their_dumps(backups):
    with temporary_directory() as path, Postgres(path / "var", fsync="off") as server:
        environment = environment_of(server, backups)
        generate_traffic(environment, events=20_000)
        with psycopg.connect(server.analytics_url) as link:
            link.execute("INSERT INTO config_dailysalt VALUES (now(), 'salt')")
        before = counts(server.main_url, server.analytics_url)
        shell("back up", environment)
        subprocess.run(
            ["pg_dump", "--format=custom", f"--file={backups}/naive", server.analytics_url],
            env=environment,
            check=True,
        )
        has_salts = {dump.name: SALTS in dump.read_bytes() for dump in backups.iterdir()}
        assert [name for name, has in has_salts.items() if has] == ["naive"]
        (backups / "naive").unlink()

        main, analytics = restored(server, backups, environment)
        assert counts(main, analytics) == before
        assert all(before)
        assert ask(analytics, "SELECT count(*) FROM config_dailysalt") == (0,)


def test_no_event_of_the_dumps_is_of_a_website_that_they_lack(backups):
    """Websites and their events come in all the time, also in the second between the two dumps."""
    with temporary_directory() as path, Postgres(path / "var", fsync="off") as server:
        environment = environment_of(server, backups)
        with serving(environment) as service, websites_coming(service.port) as made:
            shell("back up", environment | {"PATH": f"{slow_dumps(path)}:{environment['PATH']}"})
            dumped = len(made)
            wait_until(lambda: len(made) > dumped)
        main, analytics = restored(server, backups, environment)
        websites = ask_all(main, "SELECT id FROM websites_website")
        of_events = ask_all(analytics, "SELECT website_id FROM analytics_event")
        assert 0 < len(of_events) < len(websites) < len(made)
        assert of_events <= websites


def test_a_server_is_brought_back_to_a_moment(backups):
    with temporary_directory() as path:
        archive = f"test ! -f {backups}/wal/%f && cp %p {backups}/wal/%f"
        options = {"archive_mode": "on", "archive_command": archive, "fsync": "off"}
        with Postgres(path / "var", **options) as server:
            let_archive(server, backups)
            environment = environment_of(server, backups) | {
                "SERVER_URL": database_url(server.var_dir, "postgres"),
                "DATA": str(server.var_dir / "postgres"),
            }
            shell("copy the server", environment)
            with serving(environment) as service:
                token = register(service.port)
                send_events(service.port, new_website(service.port, token), 20)
                moment = ask(server.main_url, "SELECT clock_timestamp()")[0]
                send_events(service.port, new_website(service.port, token), 20)
            before = websites_and_events(server)
        [copy] = backups.glob("base-*")
        environment |= {"day": copy.name.partition("-")[2], "moment": str(moment)}
        shell("go back", environment)
        with EmbeddedPostgres(server.var_dir, options=options):
            recovering = "SELECT pg_is_in_recovery()"
            wait_until(lambda: ask(server.main_url, recovering) == (False,))
            after = websites_and_events(server)
        assert (before, after) == ((2, 40), (1, 20))


def test_a_copy_of_the_embedded_server_is_put_back(backups):
    with temporary_directory() as path:
        var_dir = path / "var"
        environment = first_run_on_migrated_data(var_dir)
        environment |= {"BACKUPS": str(backups)}
        with serving(environment) as server:
            sent = event(server.value_of("Tracking code"))
            assert send_request(server.port, "POST", "/api/v1/events", sent).status == 201
            (path / ".venv").symlink_to(Path(os.path.realpath(ROOT / ".venv")))
            (path / "config").symlink_to(ROOT / "config")
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
