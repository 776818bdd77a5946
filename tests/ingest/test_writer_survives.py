"""A writer that nothing ends: errors of every kind, locked tables, servers that became standbys"""

import time
from typing import Any

import pytest
from django.db import connections

from analytics.events.ingest import TABLE
from analytics.events.models import ClientContextRow, Event
from analytics.ingest import commit, insert_together, writer
from analytics.ingest.bulk_copy import copy_rows
from analytics.reports.derived.rollup_models import DirtyRange
from config.db import uuid7
from tests.support import collect, funnel, platform, sessions
from tests.support.api import Api
from tests.support.databases import IS_ANYONE_WAITING, connect_to_analytics, wait_until_true
from tests.support.events import PATH, UNAVAILABLE, WRITE_FAILED, event_of, new_row
from tests.support.responses import NO_SPOOL, assert_response, run_concurrently

pytestmark = pytest.mark.django_db(databases=["default", "analytics"], transaction=True)

UP = {"default": "ok", "analytics": "ok"}
READY = {"status": "ok", "databases": UP, "spool": NO_SPOOL}
UNREADY = READY | {"status": "unavailable", "databases": UP | {"analytics": "unavailable"}}
SOON = 2.0  # seconds, of the five after which a lock times out


class Unforeseen(BaseException):
    """As gevent's Timeout and GreenletExit, no Exception."""


ERRORS = [RuntimeError, MemoryError, SystemExit, KeyboardInterrupt, Unforeseen]


def assert_writes(website):
    response = Api().post(PATH, event_of(website))
    assert (response.status_code, response["X-Event-Outcome"]) == (201, "stored")


def context_of(row):
    nothing = dict.fromkeys(ClientContextRow._fields[4:-1])
    id = uuid7.new_id(uuid7.ms_of(row.id))
    return ClientContextRow(
        id, row.created_at, row.website_id, row.session_id, **nothing, is_bot=False
    )


# Errors in the thread


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_while_a_group_is_stored_fails_that_group_only(website, monkeypatch, error):
    def crash(*group):
        raise error

    assert_writes(website)
    with monkeypatch.context() as patch:
        patch.setattr(commit, "store_group", crash)
        response = Api().post(PATH, event_of(website))
    assert_response(response, 503, UNAVAILABLE, WRITE_FAILED)
    assert_writes(website)
    assert Event.objects.count() == 2


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("step", ["count_new_rows", "observe"])
def test_an_error_while_a_stored_group_is_counted_fails_nothing(website, monkeypatch, step, error):
    def crash(*group):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(commit, step, crash)
        assert_writes(website)
    assert_writes(website)
    assert Event.objects.count() == 2


def test_a_process_whose_writer_fails_is_not_ready_until_it_can_write(api, website, monkeypatch):
    def crash(*group):
        raise RuntimeError("a mistake")

    assert_writes(website)
    assert_response(api.get("/health/ready"), 200, READY)
    with monkeypatch.context() as patch:
        patch.setattr(commit, "store_group", crash)
        assert api.post(PATH, event_of(website)).status_code == 503
        assert_response(api.get("/health/ready"), 503, UNREADY)
        assert_response(api.get("/health/ready"), 503, UNREADY)
    assert_response(api.get("/health/ready"), 200, READY)  # without another event
    assert Event.objects.count() == 1


# Locked tables


def calls_to_write(website, token, browser):
    """Return a call for the table of each stream that stores a row there and gives the response."""
    return {
        "analytics_event": lambda: Api().post(PATH, event_of(website)),
        "analytics_session": lambda: Api().post(sessions.SESSION, sessions.session_of()),
        "analytics_platformevent": lambda: Api().post(
            platform.PATH, platform.MINIMAL_EVENT, token=token
        ),
        "analytics_collectedevent": lambda: browser.post(collect.PATH, collect.EVENT),
        "analytics_funnelevent": lambda: Api().post(funnel.PATH, funnel.FULL_EVENT, token=token),
    }


@pytest.fixture
def browser(user):
    """A browser of a user who is logged in."""
    client = Api()
    collect.log_in(client)
    return client


@pytest.mark.parametrize(
    "locked", ["analytics_event", "analytics_session", "analytics_platformevent"]
)
def test_a_locked_table_delays_its_own_rows_only(website, token, browser, foreign, locked):
    calls = calls_to_write(website, token, browser)
    for call in calls.values():
        assert call()["X-Event-Outcome"] == "stored"
    foreign.execute(f"LOCK TABLE {locked} IN ACCESS EXCLUSIVE MODE")
    with connect_to_analytics(autocommit=True) as watching:

        def others():
            wait_until_true(IS_ANYONE_WAITING, watching)
            started = time.monotonic()
            outcomes = {
                call()["X-Event-Outcome"]
                for _ in range(3)  # one group after another
                for table, call in calls.items()
                if table != locked
            }
            took = time.monotonic() - started
            foreign.rollback()
            return outcomes, took

        late, (outcomes, took) = run_concurrently(calls[locked], others)
    assert late["X-Event-Outcome"] == "stored"
    assert outcomes == {"stored"}
    assert took < SOON


def test_a_locked_table_leaves_the_process_ready(api, website, foreign, settings):
    assert_writes(website)
    settings.WRITE_TIMEOUT_SECONDS = 0.3
    foreign.execute("LOCK TABLE analytics_event IN ACCESS EXCLUSIVE MODE")
    assert api.post(PATH, event_of(website)).status_code == 503
    assert_response(api.get("/health/ready"), 200, READY)
    foreign.rollback()


# Servers that became standbys


def test_a_connection_that_became_read_only_is_replaced(api, website, monkeypatch):

    def turn_read_only(table, rows):
        outcomes = copy_rows(table, rows)
        with connections[table.alias].cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = on")  # of this connection
        return outcomes

    with monkeypatch.context() as patch:
        patch.setattr(commit, "copy_rows", turn_read_only)
        assert_writes(website)
    assert_writes(website)
    assert Event.objects.count() == 2


def test_while_all_connections_are_read_only_nothing_is_stored_and_nobody_ready(
    api, website, foreign
):
    assert_writes(website)
    name = foreign.info.dbname
    foreign.autocommit = True
    foreign.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    try:
        foreign.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        response = api.post(PATH, event_of(website))
        assert_response(response, 503, UNAVAILABLE, WRITE_FAILED)
        assert_response(api.get("/health/ready"), 503, UNREADY)
    finally:
        foreign.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
    assert_response(api.get("/health/ready"), 200, READY)
    assert_writes(website)


def test_a_commit_that_was_lost_on_its_way_back_is_a_duplicate(website, monkeypatch):
    row = new_row()
    assert_writes(website)

    def cut(table, rows):
        outcomes = copy_rows(table, rows)
        with connect_to_analytics(autocommit=True) as other:
            pid = connections[table.alias].connection.info.backend_pid
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        monkeypatch.setattr(commit, "copy_rows", copy_rows)
        with connections[table.alias].cursor() as cursor:
            cursor.execute("SELECT 1")  # whatever comes next fails
        return outcomes

    monkeypatch.setattr(commit, "copy_rows", cut)
    assert writer.write_one(TABLE, row).name == "DUPLICATE"
    assert Event.objects.filter(id=row.id).count() == 1
    assert DirtyRange.objects.filter(low=row.id).count() == 1


def test_a_commit_of_several_tables_that_was_lost_is_a_duplicate(website, monkeypatch):
    rows = [new_row() for _ in range(insert_together.MAX_ROWS)]
    context = context_of(rows[0])
    assert_writes(website)
    backend: Any = type(connections[TABLE.alias])
    real_commit = backend.commit

    def cut(connection):
        real_commit(connection)
        monkeypatch.setattr(backend, "commit", real_commit)
        with connect_to_analytics(autocommit=True) as other:
            pid = connection.connection.info.backend_pid
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")  # whatever comes next fails

    monkeypatch.setattr(backend, "commit", cut)
    assert {outcome.name for outcome in writer.write(TABLE, [*rows, context])} == {"DUPLICATE"}
    assert Event.objects.filter(id__in=[row.id for row in rows]).count() == len(rows)
    assert DirtyRange.objects.filter(low=min(row.id for row in rows)).count() == 1
