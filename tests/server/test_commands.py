"""`manage.py`: commands have no time limit of requests, and are repeated while a lock is held"""

import subprocess
import sys
import time

import pytest
from django.db import OperationalError, connections
from psycopg.errors import LockNotAvailable

from config import commands
from config.db import timeouts
from config.db.backend import schema
from tests.support.server import ROOT

SHOW = "from django.conf import settings; print(settings.DATABASES['analytics']['OPTIONS'])"


def test_statements_of_commands_have_no_limit_and_wait_briefly_for_locks():
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", SHOW]
    run = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True)
    assert "'-c statement_timeout=0 -c lock_timeout=2000'" in run.stdout


def test_those_of_requests_have_the_limit_of_writes():
    assert timeouts.options(0.5) == "-c statement_timeout=500 -c lock_timeout=500"


@pytest.fixture
def run(monkeypatch):
    """Run a command that others keep waiting some times; return how often it began, and why not."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.setattr(timeouts, "set_for_commands", lambda: None)

    def run(name, *, failures, error=LockNotAvailable):
        begun = []

        def execute(arguments):
            begun.append(arguments)
            if len(begun) <= failures:
                raise OperationalError("canceling statement") from error("canceling statement")

        monkeypatch.setattr(commands, "execute_from_command_line", execute)
        try:
            commands.run(["manage.py", name])
        except SystemExit as end:
            return len(begun), end.code
        return len(begun), None

    return run


LOCKED = f"{commands.LOCKED} canceling statement"


@pytest.mark.parametrize("name", ["migrate", "clearsessions", "flushexpiredtokens", "retention"])
def test_a_command_that_others_keep_waiting_is_repeated(run, capsys, name):
    assert run(name, failures=2) == (3, None)
    lines = [f"It is tried again in {seconds} s: canceling statement" for seconds in (1, 2)]
    assert capsys.readouterr().err.splitlines() == lines


def test_after_a_minute_it_says_that_a_lock_is_held(run):
    assert run("migrate", failures=99) == (9, LOCKED)


@pytest.mark.parametrize("name", ["shell", "loaddata", "nothing"])
def test_what_may_not_be_safe_to_repeat_is_not(run, name):
    assert run(name, failures=1) == (1, LOCKED)


def test_a_database_that_is_away_is_not_awaited(run):
    expected = f"{commands.AWAY} canceling statement"
    assert run("migrate", failures=1, error=ConnectionError) == (1, expected)


def test_what_is_no_text_is_refused(run):
    assert run("settings\udcff", failures=0) == (0, commands.NO_TEXT)


def test_who_reads_no_further_sees_no_traceback():
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", "print('x' * 1_000_000)"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr
        assert (process.stderr.read(), process.wait()) == ("", 1)


# Migrations of large tables


LOCKING = {
    "CREATE INDEX a ON analytics_event (url)": "nobody can write to it",
    'CREATE UNIQUE INDEX "a" ON "analytics_event" (id, url)': "nobody can write to it",
    'ALTER TABLE "analytics_event" ALTER COLUMN "os" TYPE text': "nobody can read or write it",
    "ALTER TABLE analytics_event ALTER COLUMN os SET NOT NULL": "nobody can read or write it",
    "ALTER TABLE analytics_event ADD CONSTRAINT a CHECK (os > '')": "nobody can read or write it",
}
BRIEF = (
    "ALTER TABLE analytics_event ADD COLUMN a text",
    "ALTER TABLE analytics_event ADD CONSTRAINT a CHECK (os > '') NOT VALID",
    "CREATE TABLE a (id int)",
    "COMMENT ON TABLE analytics_event IS 'a'",
)


@pytest.fixture
def execute():
    """Execute a statement of a migration, and undo it."""

    def execute(statement):
        with connections["analytics"].schema_editor() as editor:
            editor.execute(statement)

    return execute


@pytest.mark.django_db(databases=["analytics"])
@pytest.mark.parametrize(("statement", "who"), [*LOCKING.items(), *dict.fromkeys(BRIEF).items()])
def test_a_statement_that_locks_a_large_table_says_whom_it_keeps_waiting(
    execute, monkeypatch, capsys, statement, who
):
    monkeypatch.setattr(schema, "LARGE_BYTES", -1)
    execute(statement)
    out = capsys.readouterr().out
    assert (f"Until the next statement is done, {who}" in out) == bool(who)
    assert (statement in out) == bool(who)


@pytest.mark.django_db(databases=["analytics"])
def test_a_small_table_is_not_worth_a_word(execute, capsys):
    execute(next(iter(LOCKING)))
    assert capsys.readouterr().out == ""
