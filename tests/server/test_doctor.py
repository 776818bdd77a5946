"""`manage.py doctor`: one line for each thing that may go wrong, and it knows a wrong one."""

import json
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from ipaddress import ip_network
from types import SimpleNamespace

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connections
from django.utils import timezone
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from analytics.doctor import databases, tables, upkeep
from analytics.doctor.checks import CHECKS, UNFORESEEN, Finding, State, examine
from analytics.doctor.migrations import waits_of
from analytics.events.models import Event
from analytics.streams import partitions
from analytics.streams.base import streams
from analytics.streams.maintenance import MaintenanceRun
from analytics.streams.partitions import Month
from config.db import uuid7
from config.models import RuntimeSettings
from tests.support.redis_server import Redis

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

OK, WARN, FAIL = State.OK, State.WARN, State.FAIL


def usage_of(free):
    """Return what Python tells of a disk."""
    return SimpleNamespace(free=free)


@pytest.fixture(autouse=True)
def _a_well_kept_production(settings, monkeypatch):
    """Settings and partitions with which nothing is wrong; each test spoils one thing."""
    # The machine of the tests may be busy and full.
    monkeypatch.setattr(databases, "SLOW_MS", 60_000)
    monkeypatch.setattr("analytics.doctor.machine.shutil.disk_usage", lambda path: usage_of(10**12))
    settings.METRICS_TOKEN = "token"
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8")]
    settings.THREADS = 2
    this_month = Month.of(datetime.now(UTC))
    for model in streams():
        for month in this_month.until(this_month.plus(2)):
            partitions.create(model, month)
    MaintenanceRun.record("retention", "0 rows")


def look(name):
    """Return the state of one check, what it found and its advice."""
    finding = CHECKS[name]()
    return finding.state, finding.found, finding.advice


def run(*options):
    """Return what the command writes, and its exit code."""
    out = StringIO()
    try:
        call_command("doctor", *options, stdout=out)
    except SystemExit as end:
        return out.getvalue(), end.code
    return out.getvalue(), 0


# The command


def test_each_check_has_a_line_and_the_last_line_sums_up():
    out, code = run()
    lines = out.splitlines()
    assert [line[:4].strip() for line in lines[:-1]] == ["ok"] * len(CHECKS)
    assert [line[6:].split("  ")[0] for line in lines[:-1]] == list(CHECKS)
    assert lines[-1] == f"{len(CHECKS)} checks: {len(CHECKS)} ok, 0 warn, 0 fail."
    assert code == 0


def test_a_warning_has_advice_and_exit_code_1(settings):
    settings.METRICS_TOKEN = ""
    out, code = run()
    lines = out.splitlines()
    [number] = [n for n, line in enumerate(lines) if line.startswith("warn  METRICS_TOKEN ")]
    assert lines[number].endswith("  not set")
    assert lines[number + 1].strip().startswith("Only this host can read /metrics")
    assert lines[-1] == f"{len(CHECKS)} checks: {len(CHECKS) - 1} ok, 1 warn, 0 fail."
    assert code == 1


def test_a_failure_has_exit_code_2_whatever_else_is_found(settings):
    settings.METRICS_TOKEN, settings.DEBUG = "", True
    out, code = run()
    assert out.splitlines()[-1].endswith(" ok, 1 warn, 1 fail.")
    assert code == 2


def test_machines_get_json(settings):
    settings.METRICS_TOKEN = ""
    out, code = run("--json")
    told = json.loads(out)
    assert told["state"] == "warn"
    assert [each["name"] for each in told["checks"]] == list(CHECKS)
    by_name = {each.pop("name"): each for each in told["checks"]}
    assert by_name["METRICS_TOKEN"] == {
        "state": "warn",
        "found": "not set",
        "advice": "Only this host can read /metrics: set it for your monitoring.",
    }
    assert by_name["DEBUG"] == {"state": "ok", "found": "off", "advice": None}
    assert code == 1


def test_a_check_that_raises_has_failed_and_the_others_are_made(monkeypatch):
    def broken():
        raise RuntimeError("of all\nthings")

    monkeypatch.setitem(CHECKS, "disk", broken)
    found = dict(examine())
    expected = "cannot be checked: RuntimeError: of all things"
    assert found["disk"] == Finding(FAIL, expected, UNFORESEEN)
    assert [name for name, each in found.items() if each.state is not OK] == ["disk"]


def test_a_database_that_is_away_is_told_and_the_other_one_is_examined(analytics_away):
    found = dict(examine())
    assert found["answer of analytics"].state is FAIL
    assert found["answer of analytics"].found == (
        "OperationalError: the analytics database is away"
    )
    assert found["answer of default"].state is found["clock of default"].state is OK
    assert found["clock of analytics"].found == "needs a database that does not answer in time"


# Databases


@pytest.mark.parametrize("alias", ["default", "analytics"])
def test_a_slow_database(alias, monkeypatch):
    monkeypatch.setattr(databases, "SLOW_MS", 0)
    state, found, _ = look(f"answer of {alias}")
    assert state is WARN
    assert found.startswith("within ")


@pytest.mark.parametrize(
    ("number", "state"),
    [(140_019, FAIL), (150_000, OK), (180_004, OK), (190_000, WARN)],
)
def test_versions(monkeypatch, number, state):
    monkeypatch.setattr(databases, "_row", lambda alias, query: [number])
    assert look("version of default")[0] is state


@pytest.mark.parametrize(("seconds", "state"), [(0, OK), (-5, WARN), (5, WARN), (90, FAIL)])
def test_clocks_that_differ(monkeypatch, seconds, state):
    now = time.time
    monkeypatch.setattr("analytics.doctor.databases.time.time", lambda: now() - seconds)
    assert look("clock of analytics")[0] is state


def test_too_few_connections(settings):
    settings.WORKERS, settings.THREADS, settings.REDIS_URL = 16, 32, "redis://localhost"
    state, found, advice = look("connections of default")
    assert state is WARN
    assert found.endswith("this host may ask for 1248")  # both databases are of one server
    assert advice == "Raise max_connections, or lower WORKERS or THREADS."


@contextmanager
def open_transaction(alias):
    """A transaction of another session."""
    other = connections[alias].copy()
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT 1")
            yield
    finally:
        other.close()


def test_a_transaction_that_stays_open(monkeypatch):
    monkeypatch.setattr(databases, "LONG_SECONDS", 0)
    with open_transaction("analytics"):
        state, found, _ = look("transactions of analytics")
    assert state is WARN
    assert " open for minutes, process " in found


# Migrations


def test_pending_migrations_are_named_with_those_who_wait():
    with connections["analytics"].cursor() as cursor:
        cursor.execute("DROP TABLE analytics_maintenancerun")
        cursor.execute("DELETE FROM django_migrations WHERE name LIKE '%maintenance_runs'")
    state, found, advice = look("migrations of analytics")
    assert state is FAIL
    assert found.startswith("analytics 00")
    assert found.endswith("_maintenance_runs; nobody waits")
    assert advice == "Run: python manage.py migrate --database analytics"


@pytest.mark.parametrize(
    ("statement", "waits"),
    [
        ('CREATE TABLE "a" ("id" uuid);', []),
        ('CREATE INDEX CONCURRENTLY "i" ON "a" ("b");', []),
        ('CREATE INDEX "i" ON "a" ("b");', ["writers wait for a"]),
        ('CREATE UNIQUE INDEX "i" ON "a" ("b");', ["writers wait for a"]),
        ('DROP INDEX IF EXISTS "i";', ["all wait for i"]),
        ('DROP INDEX CONCURRENTLY IF EXISTS "i";', []),
        ('ALTER TABLE "a" ADD COLUMN "b" text NULL;', ["all wait for a"]),
        (
            'ALTER TABLE "a" ADD CONSTRAINT "c" FOREIGN KEY ("b") REFERENCES "d" ("id") NOT VALID;',
            ["writers wait for a, d"],
        ),
        ('ALTER TABLE "a" VALIDATE CONSTRAINT "c";', []),
        ('DROP TABLE "a" CASCADE;', ["all wait for a"]),
        ('CREATE TABLE "a_default" PARTITION OF "a" DEFAULT', ["all wait for a"]),
        (
            "-- THIS OPERATION CANNOT BE WRITTEN AS SQL",
            ["code changes rows, see the migration"],
        ),
        ("-- (no-op)", []),
        ('UPDATE "a" SET "b" = 1;', []),
    ],
)
def test_who_waits_for_a_statement(statement, waits):
    assert waits_of([statement]) == waits


def test_nobody_waits_for_a_table_that_is_new_and_each_is_told_once():
    statements = [
        'CREATE TABLE "new" ("id" uuid);',
        'CREATE INDEX "i" ON "new" ("b");',
        'ALTER TABLE "new" ADD CONSTRAINT "c" FOREIGN KEY ("b") REFERENCES "old" ("id");',
        'ALTER TABLE "one" ADD COLUMN "b" text;',
        'ALTER TABLE "one" ADD COLUMN "c" text;',
        'ALTER TABLE "two" ADD COLUMN "c" text;',
    ]
    assert waits_of(statements) == ["writers wait for old", "all wait for one, two"]


# Partitions


@pytest.mark.parametrize(("months", "state"), [(0, OK), (1, WARN), (2, WARN), (3, FAIL)])
def test_partitions_that_were_not_made_ahead(monkeypatch, months, state):
    class Later:
        @staticmethod
        def now(zone):
            month = Month.of(datetime.now(zone)).plus(months)
            return month.start

    monkeypatch.setattr(tables, "datetime", Later)
    assert look("partitions ahead")[0] is state


def test_rows_in_a_default_partition(website):
    at = datetime(2015, 1, 1, tzinfo=UTC)
    Event.objects.create(
        id=uuid7.new_id(uuid7.to_ms(at)), created_at=at, website_id=website.id,
        event_type="click", url="https://example.com/", session_id="s", visitor_id="v",
    )  # fmt: skip
    state, found, advice = look("default partitions")
    assert (state, found) == (WARN, "analytics_event_default holds 1 rows")
    assert "partitions --move" in advice


# Settings


@pytest.mark.parametrize("key", ["x" * 60, "abcabcabc" * 8, "django-insecure-" + "a1b2c3d4e5" * 6])
def test_a_key_that_can_be_guessed(settings, key):
    settings.SECRET_KEY = key
    assert look("SECRET_KEY")[:2] == (FAIL, "is not random")


@pytest.mark.parametrize(("embedded", "state"), [(True, OK), (False, WARN)])
def test_the_key_of_a_first_run_in_production(settings, tmp_path, embedded, state):
    settings.SECRET_KEY_FILE, settings.EMBEDDED = tmp_path / "secret_key", embedded
    settings.SECRET_KEY_FILE.write_text(settings.SECRET_KEY)
    assert look("SECRET_KEY")[0] is state


@pytest.mark.parametrize(("embedded", "state"), [(True, WARN), (False, FAIL)])
def test_debug(settings, embedded, state):
    settings.DEBUG, settings.EMBEDDED = True, embedded
    assert look("DEBUG")[:2] == (state, "on")


def test_any_host(settings):
    settings.ALLOWED_HOSTS = ["*"]
    assert look("ALLOWED_HOSTS")[:2] == (WARN, "any host")


@pytest.mark.parametrize(
    ("networks", "embedded", "state"),
    [
        (["10.0.0.0/8", "fd00::/16"], False, OK),
        ([], True, OK),
        ([], False, WARN),
        (["10.0.0.0/7"], False, WARN),
        (["2000::/3"], False, WARN),
        (["10.0.0.1/32", "0.0.0.0/0"], False, FAIL),
        (["::/0"], True, FAIL),
    ],
)
def test_trusted_proxies(settings, networks, embedded, state):
    settings.TRUSTED_PROXIES, settings.EMBEDDED = list(map(ip_network, networks)), embedded
    assert look("TRUSTED_PROXIES")[0] is state


# The machine


def test_redis_that_several_workers_need(settings):
    settings.WORKERS, settings.REDIS_URL = 2, ""
    assert look("Redis")[:2] == (FAIL, "not set, with 2 workers")


def test_redis_that_answers_and_one_that_does_not(settings):
    with Redis() as redis:
        settings.REDIS_URL = redis.url
        assert look("Redis") == (OK, "answers", "")
    state, found, _ = look("Redis")
    assert state is FAIL
    assert found.startswith("ConnectionError: ")


@pytest.mark.parametrize(
    ("free", "state", "told"),
    [
        (999_999_999, FAIL, "1000.0 MB"),
        (1_000_000_000, WARN, "1.0 GB"),
        (4_999_999_999, WARN, "5.0 GB"),
        (5_000_000_000, OK, "5.0 GB"),
    ],
)
def test_a_full_disk(monkeypatch, settings, free, state, told):
    monkeypatch.setattr("analytics.doctor.machine.shutil.disk_usage", lambda path: usage_of(free))
    assert look("disk")[:2] == (state, f"{told} free for {settings.VAR_DIR}")


def test_the_disk_of_an_embedded_server_may_be_another_one(monkeypatch, settings, tmp_path):
    (tmp_path / "postgres").mkdir()
    settings.VAR_DIR, settings.EMBEDDED = tmp_path, True
    free = {tmp_path: 10**12, tmp_path / "postgres": 1}
    monkeypatch.setattr(
        "analytics.doctor.machine.shutil.disk_usage", lambda path: usage_of(free[path])
    )
    assert look("disk")[:2] == (FAIL, f"1 bytes free for {tmp_path / 'postgres'}")


# Upkeep


@pytest.mark.parametrize(("days", "state"), [(1, OK), (3, WARN)])
def test_retention_that_has_not_run_for_days(days, state):
    RuntimeSettings.load().change({"event_retention_days": 30}, changed_by="ops")
    assert look("retention")[0] is OK
    MaintenanceRun.objects.update(finished_at=timezone.now() - timedelta(days=days))
    assert look("retention")[0] is state


def test_retention_that_has_never_run():
    MaintenanceRun.objects.all().delete()
    RuntimeSettings.load().change({"event_retention_days": 30}, changed_by="ops")
    state, found, advice = look("retention")
    assert (state, found.partition(",")[0]) == (WARN, "has never run")
    assert "manage.py retention" in advice


@pytest.mark.parametrize(("days", "state"), [(1, OK), (3, WARN)])
def test_tokens_that_nobody_flushes(days, state):
    expired = timezone.now() - timedelta(days=days)
    OutstandingToken.objects.create(jti="a", token="t", expires_at=expired)
    assert look("expired tokens")[0] is state


@pytest.mark.parametrize(("days", "state"), [(1, OK), (3, WARN)])
def test_sessions_that_nobody_clears(days, state):
    expired = timezone.now() - timedelta(days=days)
    Session.objects.create(session_key="a", session_data="", expire_date=expired)
    assert look("expired sessions")[0] is state


def test_many_rows_are_not_counted_to_the_end(monkeypatch):
    monkeypatch.setattr(upkeep, "AT_MOST", 2)
    expired = timezone.now() - timedelta(days=3)
    for key in ("a", "b", "c"):
        Session.objects.create(session_key=key, session_data="", expire_date=expired)
    _, found, advice = look("expired sessions")
    assert found == "at least 2 wait for days to be deleted"
    assert advice == "Run manage.py clearsessions, and daily from cron."
