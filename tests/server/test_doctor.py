"""`manage.py doctor`"""

import json
import os
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from ipaddress import ip_network
from types import SimpleNamespace

import pytest
from django.contrib.sessions.models import Session
from django.core.checks import Error, Info, Warning
from django.core.management import call_command
from django.db import connections
from django.utils import timezone
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from analytics import checks
from analytics.events.models import Event
from analytics.streams import partitions
from analytics.streams.base import streams
from analytics.streams.maintenance import MaintenanceFailure, MaintenanceRun
from analytics.streams.partitions import Month
from config.db import uuid7
from config.models import RuntimeSettings
from config.server import database_checks, doctor
from tests.support.redis_server import Redis

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

NAMES = [check.name for check in doctor.checks()]
NOT_DURABLE = database_checks.NOT_DURABLE


def usage_of(free):
    """Return what shutil.disk_usage returns, as far as it is used."""
    return SimpleNamespace(free=free, total=10**12)


@pytest.fixture(autouse=True)
def _a_well_kept_production(settings, monkeypatch):
    """Settings and partitions with which nothing is wrong; each test spoils one thing."""
    settings.SPOOL_BYTES = 2**30
    # The machine of the tests may be busy and full.
    monkeypatch.setattr(database_checks, "SLOW_MS", 60_000)
    monkeypatch.setattr(database_checks, "NOT_DURABLE", {})  # that of the suite is not
    monkeypatch.setattr("config.checks.shutil.disk_usage", lambda path: usage_of(10**12))
    settings.METRICS_TOKEN = "token"
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8")]
    settings.DB_CONNECTIONS = 2
    settings.API_DOCS, settings.REQUIRE_HTTPS = False, True
    call_command("harden", yes=True, stdout=StringIO())
    this_month = Month.of(datetime.now(UTC))
    for model in streams():
        for month in this_month.until(this_month.plus(2)):
            partitions.create(model, month)
    MaintenanceRun.record("retention", "0 rows")


def look(name):
    """Return the level of one check's message, what it found and its hint."""
    [check] = [check for check in doctor.checks() if check.name == name]
    [message] = check()
    return type(message), message.msg, message.hint


def messages():
    """Return the messages of all checks by name."""
    return {message.obj: message for message in doctor.run()}


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
    assert [line[:4].strip() for line in lines[:-1]] == ["ok"] * len(NAMES)
    assert [line[6:].split("  ")[0] for line in lines[:-1]] == NAMES
    assert lines[-1] == f"{len(NAMES)} checks: {len(NAMES)} ok, 0 warn, 0 fail."
    assert code == 0


def test_a_warning_has_advice_and_exit_code_1(settings):
    settings.METRICS_TOKEN = ""
    out, code = run()
    lines = out.splitlines()
    [number] = [n for n, line in enumerate(lines) if line.startswith("warn  METRICS_TOKEN ")]
    assert lines[number].endswith("  not set")
    assert lines[number + 1].strip().startswith("Only this host can read /metrics")
    assert lines[-1] == f"{len(NAMES)} checks: {len(NAMES) - 1} ok, 1 warn, 0 fail."
    assert code == 1


def test_a_failure_has_exit_code_2_whatever_else_is_found(settings):
    settings.METRICS_TOKEN, settings.DEBUG = "", True
    out, code = run()
    assert out.splitlines()[-1].endswith(" ok, 1 warn, 1 fail.")
    assert code == 2


def test_machines_get_json(settings):
    settings.METRICS_TOKEN = ""
    out, code = run("--json")
    report = json.loads(out)
    assert report["state"] == "warn"
    assert [each["name"] for each in report["checks"]] == NAMES
    by_name = {each.pop("name"): each for each in report["checks"]}
    assert by_name["METRICS_TOKEN"] == {
        "id": "millrace.W104",
        "state": "warn",
        "found": "not set",
        "advice": "Only this host can read /metrics: set it for your monitoring.",
    }
    assert by_name["DEBUG"] == {
        "id": "millrace.I102",
        "state": "ok",
        "found": "off",
        "advice": None,
    }
    assert code == 1


def test_each_check_has_an_id_of_its_own():
    numbers = [check.number for check in doctor.checks()]
    assert len(set(numbers)) == len(numbers)
    assert doctor.REGISTRY.tag_exists("databases")


def test_a_check_that_raises_has_failed_and_the_others_run(monkeypatch):
    def broken(path):
        raise RuntimeError("of all\nthings")

    monkeypatch.setattr("config.checks.shutil.disk_usage", broken)
    found = messages()
    expected = "cannot be checked: RuntimeError: of all things"
    assert found["disk"] == Error(expected, hint=doctor.UNFORESEEN, obj="disk", id="millrace.E302")
    assert [name for name, each in found.items() if type(each) is not Info] == ["disk"]


def test_a_database_that_is_down_is_an_error_and_the_other_one_is_checked(analytics_away):
    found = messages()
    assert type(found["answer of analytics"]) is Error
    assert found["answer of analytics"].msg == "OperationalError: the analytics database is away"
    assert type(found["answer of default"]) is type(found["clock of default"]) is Info
    serious = [name for name, each in found.items() if each.is_serious()]
    assert serious == ["answer of analytics"]
    skipped = {name for name, each in found.items() if doctor.is_skipped(each)}
    assert {name for name in NAMES if name.endswith(" of analytics")} - skipped == set(serious)
    assert found["clock of analytics"].msg == doctor.SKIPPED
    assert found["clock of analytics"].id == "millrace.S206"


@pytest.mark.usefixtures("analytics_away", "main_database_away")
def test_a_cause_is_told_once_and_names_what_is_skipped(monkeypatch):
    monkeypatch.setattr(doctor, "describe_error", lambda error: "nobody listens")
    monkeypatch.setattr(database_checks, "describe_error", lambda error: "nobody listens")
    out, code = run()
    lines = out.splitlines()
    assert [line for line in lines if line.startswith("fail")] == [
        f"fail  {'answer of default':<{max(map(len, NAMES))}}  nobody listens"
    ]
    [skipped] = [line for line in lines if line.startswith("skip")]
    assert skipped.startswith(f"skip  {doctor.SKIPPED}: answer of analytics, ")
    assert "migrations of default" in skipped
    count = skipped.count(",") + 1
    assert lines[-1].endswith(f" 1 fail, {count} skipped.")
    assert code == 2
    states = [each["state"] for each in json.loads(run("--json")[0])["checks"]]
    assert states.count("skip") == count


# Databases


@pytest.mark.parametrize("alias", ["default", "analytics"])
def test_a_slow_database(alias, monkeypatch):
    monkeypatch.setattr(database_checks, "SLOW_MS", 0)
    level, found, _ = look(f"answer of {alias}")
    assert level is Warning
    assert found.startswith("within ")


@pytest.mark.parametrize(
    ("number", "level"),
    [(140_019, Error), (150_000, Info), (180_004, Info), (190_000, Warning)],
)
def test_versions(monkeypatch, number, level):
    monkeypatch.setattr(database_checks, "fetch_row", lambda alias, query: [number, "18.0"])
    assert look("version of default")[0] is level


@pytest.mark.parametrize(
    ("seconds", "level"), [(0, Info), (-5, Warning), (5, Warning), (90, Error)]
)
def test_clocks_that_differ(clock, seconds, level):
    clock.move(seconds=-seconds)
    assert look("clock of analytics")[0] is level


def test_too_few_connections(settings):
    settings.WORKERS, settings.DB_CONNECTIONS, settings.REDIS_URL = 16, 32, "redis://localhost"
    level, found, advice = look("connections of default")
    assert level is Warning
    assert found.endswith("this host may ask for 1312")  # both databases are of one server
    assert advice == "Raise max_connections, or lower WORKERS or DB_CONNECTIONS."


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
    monkeypatch.setattr(database_checks, "LONG_SECONDS", 0)
    with open_transaction("analytics"):
        level, found, _ = look("transactions of analytics")
    assert level is Warning
    assert " open for minutes, process " in found


# Migrations


SMALL = ("1GB", "128MB", "5min", 2**30, 2**27, 300)
LARGE = ("8GB", "512MB", "30min", 2**33, 2**29, 1800)


@pytest.mark.parametrize("small", [(0, 1, 2), (0,), (1,), (2,), ()])
def test_settings_that_are_postgresqls_defaults(monkeypatch, settings, small):
    row = [SMALL[n] if n % 3 in small else LARGE[n] for n in range(6)]
    monkeypatch.setattr(database_checks, "fetch_row", lambda alias, query: row)
    level, found, advice = look("settings of analytics")
    assert found == "max_wal_size {}, shared_buffers {}, checkpoint_timeout {}".format(*row[:3])
    assert level is (Warning if small else Info)
    assert (advice or "").startswith("PostgreSQL's defaults are for tiny machines" if small else "")
    settings.EMBEDDED = True
    assert look("settings of analytics")[0] is Info


@pytest.mark.parametrize(
    ("name", "values", "level", "text"),
    [
        ("durability", ["on", "on", "off"], Error, "synchronous_commit off"),
        ("durability", ["off", "on", "on"], Error, "fsync off"),
        ("durability", ["on", "on", "remote_write"], Info, "fsync on, full_page_writes on"),
        ("encoding", ["SQL_ASCII"], Error, "SQL_ASCII"),
        ("time zone", ["Europe/Berlin"], Warning, "Europe/Berlin"),
        ("log", ["terse", "panic", "none", "-1", "-1", "0"], Info, "repeats no values"),
        ("log", ["default", "error", "none", "-1", "-1", "0"], Warning, "log_error_verbosity def"),
        ("log", ["terse", "panic", "mod", "250ms", "-1", "0"], Warning, "log_statement mod, log"),
    ],
)
def test_settings_of_a_server(monkeypatch, name, values, level, text):
    monkeypatch.setattr(database_checks, "NOT_DURABLE", NOT_DURABLE)
    monkeypatch.setattr(database_checks, "fetch_row", lambda alias, query: values)
    kind, found, _ = look(f"{name} of default")
    assert (kind, text in found) == (level, True)


def test_pending_migrations_are_named():
    with connections["analytics"].cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'analytics' AND name > '0006'")
    level, found, advice = look("migrations of analytics")
    assert level is Error
    assert found.startswith("analytics 0006_maintenance_runs, analytics 0007_")
    assert advice == "Run: python manage.py migrate --database analytics"


# Partitions


@pytest.mark.parametrize(("months", "level"), [(0, Info), (1, Warning), (2, Warning), (3, Error)])
def test_partitions_that_were_not_made_ahead(monkeypatch, months, level):
    class Later:
        @staticmethod
        def now(zone):
            month = Month.of(datetime.now(zone)).plus(months)
            return month.start

    monkeypatch.setattr(checks, "datetime", Later)
    assert look("partitions ahead")[0] is level


def test_rows_in_a_default_partition(website):
    at = datetime(2015, 1, 1, tzinfo=UTC)
    Event.objects.create(
        id=uuid7.new_id(uuid7.to_ms(at)), created_at=at, website_id=website.id,
        event_type="click", url="https://example.com/", session_id="s", visitor_id="v",
    )  # fmt: skip
    level, found, advice = look("default partitions")
    assert (level, found) == (Warning, "analytics_event_default holds 1 rows")
    assert "partitions --move" in advice


# Settings


@pytest.mark.parametrize("key", ["x" * 60, "abcabcabc" * 8, "django-insecure-" + "a1b2c3d4e5" * 6])
def test_a_key_that_can_be_guessed(settings, key):
    settings.ROOT_SECRET_KEY = key
    assert look("SECRET_KEY")[:2] == (Error, "is not random")


@pytest.mark.parametrize(("embedded", "level"), [(True, Info), (False, Warning)])
def test_the_key_of_a_first_run_in_production(settings, tmp_path, embedded, level):
    settings.SECRET_KEY_FILE, settings.EMBEDDED = tmp_path / "secret_key", embedded
    settings.SECRET_KEY_FILE.write_text(settings.ROOT_SECRET_KEY)
    assert look("SECRET_KEY")[0] is level


@pytest.mark.parametrize(("embedded", "level"), [(True, Warning), (False, Error)])
def test_debug(settings, embedded, level):
    settings.DEBUG, settings.EMBEDDED = True, embedded
    assert look("DEBUG")[:2] == (level, "on")


def test_any_host(settings):
    settings.ALLOWED_HOSTS = ["*"]
    assert look("ALLOWED_HOSTS")[:2] == (Warning, "any host")


@pytest.mark.parametrize(
    ("backend", "embedded", "level"),
    [("console", False, Warning), ("console", True, Info), ("smtp", False, Info)],
)
def test_mail(settings, backend, embedded, level):
    settings.EMAIL_BACKEND = f"django.core.mail.backends.{backend}.EmailBackend"
    settings.EMBEDDED = embedded
    assert look("EMAIL_URL")[0] is level


@pytest.mark.parametrize(
    ("networks", "embedded", "level"),
    [
        (["10.0.0.0/8", "fd00::/16"], False, Info),
        ([], True, Info),
        ([], False, Warning),
        (["10.0.0.0/7"], False, Warning),
        (["2000::/3"], False, Warning),
        (["10.0.0.1/32", "0.0.0.0/0"], False, Error),
        (["::/0"], True, Error),
    ],
)
def test_trusted_proxies(settings, networks, embedded, level):
    settings.TRUSTED_PROXIES, settings.EMBEDDED = list(map(ip_network, networks)), embedded
    assert look("TRUSTED_PROXIES")[0] is level


# The machine


def test_redis_that_several_workers_need(settings):
    settings.WORKERS, settings.REDIS_URL = 2, ""
    assert look("Redis")[:2] == (Error, "not set, with 2 workers")


def test_redis_that_responds_and_one_that_does_not(settings):
    with Redis() as redis:
        settings.REDIS_URL = redis.url
        assert look("Redis") == (Info, "answers", None)
    level, found, _ = look("Redis")
    assert level is Error
    assert found.startswith("ConnectionError: ")


@pytest.mark.parametrize(
    ("free", "level", "text"),
    [
        (999_900_000, Error, "999.9 MB"),
        (1_000_000_000, Warning, "1.0 GB"),
        (4_949_999_999, Warning, "4.9 GB"),
        (5_000_000_000, Info, "5.0 GB"),
    ],
)
def test_a_full_disk(monkeypatch, settings, free, level, text):
    monkeypatch.setattr("config.checks.shutil.disk_usage", lambda path: usage_of(free))
    assert look("disk")[:2] == (level, f"{text} free for {settings.VAR_DIR}")


def test_the_disk_of_an_embedded_server_may_be_another_one(monkeypatch, settings, tmp_path):
    (tmp_path / "postgres").mkdir()
    settings.VAR_DIR, settings.EMBEDDED = tmp_path, True
    free = {tmp_path: 10**12, tmp_path / "postgres": 1}
    monkeypatch.setattr("config.checks.shutil.disk_usage", lambda path: usage_of(free[path]))
    assert look("disk")[:2] == (
        Error,
        f"1 Byte free for {tmp_path / 'postgres'}: no events are taken in",
    )


@pytest.mark.parametrize(
    ("content", "days", "level", "text"),
    [
        (b"PGDMP", 1, Info, "is a day old"),
        (b"PGDMP", 2, Error, "is 2 days old"),
        (b"", 0, Error, "has 0 Bytes"),
        (b"PGDMP COPY public.config_dailysalt (day, salt) FROM stdin;", 0, Warning, "daily salts"),
    ],
)
def test_the_newest_backup(settings, tmp_path, content, days, level, text):
    settings.BACKUP_FILE = f"{tmp_path}/main-*.dump"
    for name, old in (("main-1.dump", days + 9), ("main-2.dump", days)):
        (tmp_path / name).write_bytes(content)
        at = (timezone.now() - timedelta(days=old)).timestamp()
        os.utime(tmp_path / name, (at, at))
    kind, found, _ = look("backup")
    assert (kind, found.startswith(f"{tmp_path}/main-2.dump has ")) == (level, True)
    assert text in found


def test_a_backup_that_is_not_there(settings, tmp_path):
    assert look("backup") == (Info, "BACKUP_FILE does not say where it is", None)
    settings.BACKUP_FILE = str(tmp_path / "main.dump")
    assert look("backup")[:2] == (Error, f"no file is {tmp_path}/main.dump")


# Upkeep


@pytest.mark.parametrize(("days", "level"), [(1, Info), (3, Warning)])
def test_retention_that_has_not_run_for_days(days, level):
    RuntimeSettings.load().change({"event_retention_days": 30}, changed_by="ops")
    assert look("retention")[0] is Info
    MaintenanceRun.objects.update(finished_at=timezone.now() - timedelta(days=days))
    assert look("retention")[0] is level


def test_retention_that_has_never_run():
    MaintenanceRun.objects.all().delete()
    RuntimeSettings.load().change({"event_retention_days": 30}, changed_by="ops")
    level, found, advice = look("retention")
    assert (level, found.partition(",")[0]) == (Warning, "has never run")
    assert "manage.py retention" in advice


def test_maintenance_that_failed():
    assert look("maintenance")[0] is Info
    MaintenanceFailure.record("retention", "the disk is full")
    level, found, _ = look("maintenance")
    assert level is Warning
    assert found.endswith(": the disk is full")
    MaintenanceRun.record("retention", "0 rows")
    assert look("maintenance")[0] is Info


@pytest.mark.parametrize(("days", "level"), [(1, Info), (3, Warning)])
def test_tokens_that_nobody_flushes(days, level):
    expired = timezone.now() - timedelta(days=days)
    OutstandingToken.objects.create(jti="a", token="t", expires_at=expired)
    assert look("expired tokens")[0] is level


@pytest.mark.parametrize(("days", "level"), [(1, Info), (3, Warning)])
def test_sessions_that_nobody_clears(days, level):
    expired = timezone.now() - timedelta(days=days)
    Session.objects.create(session_key="a", session_data="", expire_date=expired)
    assert look("expired sessions")[0] is level


def test_many_rows_are_not_counted_to_the_end(monkeypatch):
    monkeypatch.setattr(checks, "MAX_COUNTED", 2)
    expired = timezone.now() - timedelta(days=3)
    for key in ("a", "b", "c"):
        Session.objects.create(session_key=key, session_data="", expire_date=expired)
    _, found, advice = look("expired sessions")
    assert found == "at least 2 wait for days to be deleted"
    assert advice == "Run manage.py clearsessions, and daily from cron."
