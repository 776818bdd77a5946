"""Log lines"""

import io
import json
import logging
import os
import subprocess
import sys

import pytest
from django.db import DatabaseError, connections, transaction

from config import runtime
from config.models import RuntimeSettings
from config.server import logs
from tests.support.accounts import PASSWORD
from tests.support.databases import failing
from tests.support.events import PATH, event_of
from tests.support.responses import run_concurrently
from tests.support.server import ROOT
from websites.models import User

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

LOGIN = "/api/v1/auth/login"
GOOD = {"email": "user@example.com", "password": PASSWORD}


@pytest.fixture
def written():
    """What the service writes to its log from now on, as JSON."""
    yield from stream_of(logs.JsonFormatter())


@pytest.fixture
def written_as_text():
    yield from stream_of(logs.TextFormatter())


def stream_of(formatter):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    loggers = [logging.getLogger(), logging.getLogger("django")]
    for logger in loggers:
        logger.addHandler(handler)
    yield stream
    for logger in loggers:
        logger.removeHandler(handler)


def entry_of(stream):
    """Return the only entry."""
    [entry] = map(json.loads, stream.getvalue().splitlines())
    return entry


def log_failure(statement, *values):
    """Log, with its traceback and as a value, what the main database says of a statement."""
    try:
        with transaction.atomic(using="default"), connections["default"].cursor() as cursor:
            cursor.execute(statement, values)
    except DatabaseError as error:
        logging.getLogger("config").warning("It failed: %s", error, exc_info=error)


def test_a_crash_is_one_object_with_its_traceback(api, written, monkeypatch):
    monkeypatch.setattr("websites.accounts.authenticate", None)
    response = api.post(LOGIN, GOOD)
    entry = entry_of(written)
    time, exception = entry.pop("time"), entry.pop("exception")
    assert entry == {
        "level": "ERROR",
        "logger": "config.api.view",
        "message": "Unforeseen error",
        "request_id": response["X-Request-Id"],
    }
    assert time[-5] == "."
    assert time[-1] == "Z"
    assert exception.startswith("Traceback (most recent call last):\n  File ")
    assert exception.endswith("builtins.TypeError: 'NoneType' object is not callable")


def test_a_crash_is_text_that_people_can_read(api, written_as_text, monkeypatch):
    monkeypatch.setattr("websites.accounts.authenticate", None)
    response = api.post(LOGIN, GOOD)
    first, *trace = written_as_text.getvalue().splitlines()
    assert first.endswith(f"Z ERROR config.api.view Unforeseen error [{response['X-Request-Id']}]")
    assert trace[0] == "Traceback (most recent call last):"
    assert trace[-1] == "builtins.TypeError: 'NoneType' object is not callable"


def test_a_crash_of_a_page_is_one_object_with_its_traceback(api, written, monkeypatch):
    monkeypatch.setattr("django.contrib.admin.sites.AdminSite.each_context", None)
    assert api.get("/admin/login/").status_code == 500
    entry = entry_of(written)
    assert (entry["level"], entry["logger"]) == ("ERROR", "django.request")
    assert entry["message"] == "Internal Server Error: /admin/login/"
    assert entry["exception"].endswith("builtins.TypeError: 'NoneType' object is not callable")


def test_a_rejection_that_is_intended_is_no_error(api, written):
    RuntimeSettings(pk=1, activity_enabled="false").save()
    runtime.expire()
    response = api.post("/api/v1/activity/events", {"type": "click"})
    assert response.status_code == 503
    assert written.getvalue() == ""


def test_storage_that_is_away_is_no_error(api, written, website):
    with failing("analytics", "the analytics database is away"):
        assert api.post(PATH, event_of(website)).status_code == 503
        assert api.get(PATH, {"trackingCode": website.tracking_code}).status_code == 503
    entries = [json.loads(line) for line in written.getvalue().splitlines()]
    assert {entry["level"] for entry in entries} == {"WARNING"}


def test_a_host_that_is_not_ready_is_no_error(api, written, monkeypatch):
    is_up = {"default": True, "analytics": False}
    monkeypatch.setattr("config.server.health.check_databases", lambda *aliases: is_up)
    assert api.get("/health/ready").status_code == 503
    assert written.getvalue() == ""


def test_a_cache_that_is_away_is_no_error(api, written, monkeypatch):
    monkeypatch.setattr("config.api.ratelimit.get_usage", None)
    assert api.post(LOGIN, {}).status_code == 400
    assert entry_of(written)["level"] == "WARNING"


def test_outside_of_requests_there_is_no_request_id(api, written):
    api.get("/health/live")
    run_concurrently(lambda: logging.getLogger("analytics").warning("Rows not stored"))
    assert entry_of(written).keys() == {"time", "level", "logger", "message"}


def test_an_exception_is_logged_with_its_cause(written):
    try:
        try:
            raise KeyError("first")
        except KeyError as error:
            raise ValueError("second") from error
    except ValueError as error:
        logging.getLogger("config").error(error, exc_info=True)
    entry = entry_of(written)
    assert entry["message"] == "second"
    lines = [line for line in entry["exception"].splitlines() if line.startswith("builtins.")]
    assert lines == ["builtins.KeyError: 'first'", "builtins.ValueError: second"]


def test_an_exception_that_repeats_a_whole_body_is_cut(written):
    error = ValueError("x" * 3000)
    logging.getLogger("config").error("It failed: %s", error, exc_info=error)
    entry, cut = entry_of(written), f"{'x' * 2000}..."
    assert entry["message"] == f"It failed: {cut}"
    assert entry["exception"].endswith(f"ValueError: {cut}")


@pytest.mark.parametrize(
    "text", ["x" * 500_000, "1:" * 250_000, "://x" * 100_000, "eyJ-" * 100_000]
)
def test_a_long_text_takes_no_time(written, text):
    logging.getLogger("config").warning("%s", text)  # square time would be minutes
    assert entry_of(written)["message"] == text


def test_a_row_that_the_database_rejects_stays_out_of_the_log(user, written):
    row = "INSERT INTO websites_user (id, email) VALUES (%s, %s)"
    log_failure(row, "019c0427-2440-74f8-996d-a763b7a969b1", "Somebody@example.com")
    entry = entry_of(written)
    assert entry["message"].startswith('It failed: null value in column "')
    assert "IntegrityError: null value" in entry["exception"]
    assert "omebody" not in written.getvalue()
    assert "019c0427" not in written.getvalue()


def test_a_value_that_is_taken_stays_out_of_the_log(make_user, user, written):
    log_failure("UPDATE websites_user SET id = %s", "not-for-the-log")
    entry = entry_of(written)
    assert entry["message"] == 'It failed: invalid input syntax for type uuid: "..."'
    assert "not-for-the-log" not in written.getvalue()


def test_a_repeated_key_stays_out_of_the_log(user, written):
    User.objects.create_user("other@example.com", PASSWORD)
    log_failure("UPDATE websites_user SET email = %s", "somebody@example.com")
    assert "violates unique constraint" in entry_of(written)["message"]
    assert "somebody" not in written.getvalue()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("mail to Jo.Doe+x@mail.example.com", "mail to [email]"),
        ("Authorization: Bearer eyJhbGciOi.eyJ1c2.c2ln-_x", "Authorization: Bearer [token]"),
        ("token eyJhbGciOi.eyJ1c2.c2ln-_x is old", "token [token] is old"),
        (
            "Internal Server Error: /accounts/email/019c0427-2440-74f8-996d:1vO-_x:aB-_9/",
            "Internal Server Error: /accounts/email/[token]/",
        ),
        (
            "Internal Server Error: /share/q0Yw1v-_W0/live/",
            "Internal Server Error: /share/[token]/live/",
        ),
        (
            "Internal Server Error: /accounts/reset/MDE5Yy0w/d1x-0aB9/",
            "Internal Server Error: /accounts/reset/[token]/",
        ),
        (f"key pk_{'a1B2' * 8}", "key [key]"),
        ("postgresql://me:secret@db.example/name", "postgresql://[password]@db.example/name"),
        ("from 192.0.2.7.", "from [address]"),
        ("from 192.0.2.7:4711", "from [address]"),
        ("from [2001:db8::7]:4711", "from [[address]]:4711"),
        ("'fe80::1%eth0/64' is no network", "'[address]%eth0/64' is no network"),
        ('connection to server at "10.0.0.5", port 1', None),
        ('connection to server at "db.example" (10.0.0.5), port 1', None),
        ("Error 111 connecting to 10.0.0.6:6379.", None),
        ("took 12:30:45.123 for 3.14 rows of a1::Class", None),
    ],
)
def test_what_belongs_to_somebody_is_taken_out(written, text, line):
    logging.getLogger("config").warning("%s", text)
    assert entry_of(written)["message"] == (text if line is None else line)


def test_a_rejected_event_is_logged_without_its_content(api, website, written):
    with connections["analytics"].cursor() as cursor:
        cursor.execute("ALTER TABLE analytics_event ADD CHECK (session_id <> 'refused') NOT VALID")
    response = api.post(PATH, event_of(website, sessionId="refused", visitorId="vis-secret"))
    assert response.status_code == 500
    entry = entry_of(written)
    assert entry["request_id"] == response["X-Request-Id"]
    assert entry["message"].startswith("Row refused by the database: new row for")
    assert "vis-secret" not in written.getvalue()


FIRST_RUN = {"DATABASE_URL": "", "ANALYTICS_DATABASE_URL": ""}


@pytest.mark.parametrize(
    ("environment", "formatter"),
    [
        ({}, "json"),
        ({"DEBUG": "true"}, "text"),
        (FIRST_RUN, "text"),
        ({"LOG_FORMAT": "text"}, "text"),
        (FIRST_RUN | {"LOG_FORMAT": "json"}, "json"),
    ],
)
def test_the_format_is_json_but_for_people(environment, formatter):
    tell = "from config.settings import LOGGING; print(LOGGING['handlers']['stderr']['formatter'])"
    run = subprocess.run(
        [sys.executable, "-c", tell], env=os.environ | environment, text=True,
        cwd=ROOT, capture_output=True, check=True,
    )  # fmt: skip
    assert run.stdout == f"{formatter}\n"


@pytest.mark.parametrize(
    ("environment", "written"),
    [
        ({}, ["info", "warning", "error"]),
        ({"LOG_LEVEL": "DEBUG"}, ["debug", "info", "warning", "error"]),
        ({"LOG_LEVEL": "WARNING"}, ["warning", "error"]),
        ({"LOG_LEVEL": "CRITICAL"}, []),
    ],
)
def test_lines_below_the_level_are_not_written(environment, written):
    log = (
        "import logging, django; django.setup()\n"
        "for level in ('debug', 'info', 'warning', 'error'):\n"
        "    getattr(logging.getLogger('analytics'), level)(level)\n"
        "logging.getLogger('django').error('error')"
    )
    names = {"DJANGO_SETTINGS_MODULE": "config.settings", "LOG_FORMAT": "json"}
    run = subprocess.run(
        [sys.executable, "-c", log], env=os.environ | names | environment, text=True,
        cwd=ROOT, capture_output=True, check=True,
    )  # fmt: skip
    messages = [json.loads(line)["message"] for line in run.stderr.splitlines()]
    assert messages == [*written, *written[-1:]]  # Django's own errors obey as well


def test_a_line_break_in_a_value_begins_no_line_of_text(written_as_text):
    logging.getLogger("analytics").warning("Event: %s", "a\n2026 ERROR forged\rb")
    [line] = written_as_text.getvalue().splitlines()
    assert r"WARNING analytics Event: a\n2026 ERROR forged\rb" in line
