"""The recorder's table locked or rejecting rows: other rows are not affected."""

import time

import pytest
from django.db import connections

from activity import recorder
from activity.models import ActivityEvent
from activity.recorder import Step
from analytics.events.models import Event
from analytics.ingest import background, commit
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
def checking_commits():
    """Let PostgreSQL reject the recorder's rows if their commit waits for the disk, others if not.

    By where the setting is from: the server of the tests never waits.
    """
    with connections["analytics"].cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION check_commit() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN IF (current_setting('synchronous_commit') = 'off' AND (SELECT source FROM "
            "pg_settings WHERE name = 'synchronous_commit') = 'session') <> TG_ARGV[0]::bool THEN "
            "RAISE insufficient_privilege; END IF; RETURN NEW; END $$"
        )
        for table, is_off in ((TABLE, True), ("analytics_event", False)):
            cursor.execute(
                f"CREATE TRIGGER check_commit BEFORE INSERT ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION check_commit('{is_off}')"
            )
        yield
        for table in (TABLE, "analytics_event"):
            cursor.execute(f"DROP TRIGGER check_commit ON {table}")
        cursor.execute("DROP FUNCTION check_commit()")


@pytest.mark.usefixtures("checking_commits")
def test_commits_of_its_rows_alone_do_not_wait_for_the_disk(api, website):
    for _ in range(3):
        assert api.get("/nothing").status_code == 404
        background.drain()
        assert api.post(PATH, event_of(website)).status_code == 201
    background.drain()
    assert ActivityEvent.objects.filter(path="/nothing").count() == 3


def test_the_connection_of_its_rows_waits_again_for_the_next():
    row = recorder.make_row(Step("step.done", 1_750_000_000_000, None, {}, {}))
    for _ in range(2):  # the second time its id is known
        commit.store_group(recorder.BACKGROUND_TABLE, [[row]])
        with connections["analytics"].cursor() as cursor:
            cursor.execute("SELECT source FROM pg_settings WHERE name = 'synchronous_commit'")
            assert cursor.fetchone() != ("session",)


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
