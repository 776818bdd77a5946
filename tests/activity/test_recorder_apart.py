"""The recorder's table locked or rejecting rows: other rows are not affected."""

import time

import pytest
from django.db import connections

from activity.models import ActivityEvent
from analytics.events.models import Event
from analytics.ingest import background
from tests.support.api import Api
from tests.support.databases import connect_to_analytics
from tests.support.events import PATH, event_of
from tests.support.responses import run_concurrently
from websites import lookup

pytestmark = pytest.mark.django_db(databases=["default", "analytics"], transaction=True)

TABLE = ActivityEvent._meta.db_table
PROMPT_SECONDS = 2.0  # less than any time limit


@pytest.fixture(autouse=True)
def _warm(api, website):
    """Let the writers run and know the website."""
    lookup.active_site(website.tracking_code)
    assert api.post(PATH, event_of(website)).status_code == 201
    background.drain()


@pytest.fixture
def locked_table():
    """Lock the table of the recorder's rows, as a change of it would."""
    with connect_to_analytics() as connection:
        connection.execute(f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


@pytest.fixture
def refusing_table():
    """Let PostgreSQL reject the recorder's rows with an error that is not about the rows."""
    with connections["analytics"].cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE insufficient_privilege; END $$"
        )
        cursor.execute(
            f"CREATE TRIGGER refuse BEFORE INSERT ON {TABLE} FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
        yield
        cursor.execute(f"DROP TRIGGER refuse ON {TABLE}")
        cursor.execute("DROP FUNCTION refuse()")


@pytest.fixture
def rejecting_awaited_commits():
    """Let PostgreSQL reject the recorder's rows if their commit would wait for the disk."""
    with connections["analytics"].cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION check_commit() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN IF current_setting('synchronous_commit') <> 'off' THEN "
            "RAISE insufficient_privilege; END IF; RETURN NEW; END $$"
        )
        cursor.execute(
            f"CREATE TRIGGER check_commit BEFORE INSERT ON {TABLE} "
            "FOR EACH ROW EXECUTE FUNCTION check_commit()"
        )
        yield
        cursor.execute(f"DROP TRIGGER check_commit ON {TABLE}")
        cursor.execute("DROP FUNCTION check_commit()")


@pytest.mark.usefixtures("rejecting_awaited_commits")
def test_commits_of_its_rows_do_not_wait_for_the_disk(api):
    assert api.get("/nothing").status_code == 404
    background.drain()
    assert ActivityEvent.objects.filter(path="/nothing").exists()


@pytest.mark.usefixtures("locked_table")
def test_a_lock_on_its_table_delays_no_request(api, website):
    for _ in range(3):
        started = time.monotonic()
        assert api.post(PATH, event_of(website)).status_code == 201
        assert time.monotonic() - started < PROMPT_SECONDS
    assert Event.objects.count() == 4


@pytest.mark.usefixtures("refusing_table")
def test_a_rejection_of_its_rows_fails_no_request(website):
    event = event_of(website)
    responses = run_concurrently(*[lambda: Api().post(PATH, event)] * 20)
    background.drain()
    assert {response.status_code for response in responses} == {201}
    assert Event.objects.count() == 21
    assert ActivityEvent.objects.count() == 1
