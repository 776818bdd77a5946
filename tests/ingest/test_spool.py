"""Rows that are spooled while a database is away, and stored when it is back"""

from uuid import UUID

import pytest

from activity.models import ActivityEvent
from analytics.collect.models import CollectedEvent
from analytics.events.ingest import TABLE
from analytics.events.models import ClientContext, Event
from analytics.funnel.models import FunnelEvent
from analytics.ingest import targets
from analytics.ingest.spool import replay
from analytics.ingest.spool.journal import New
from analytics.ingest.spool.rejected import RejectedRow
from analytics.ingest.spool.replay import Replayed
from analytics.platform.models import PlatformEvent
from analytics.platform.totals import PlatformTotal
from analytics.reports.derived.rollup_models import DirtyRange
from analytics.sessions.models import PageView, Session
from config.db import uuid7
from tests.support import collect, funnel, platform, sessions
from tests.support.api import Api
from tests.support.databases import failing
from tests.support.events import PATH, UNAVAILABLE, WRITE_FAILED, event_of, new_row
from tests.support.responses import assert_response
from tests.support.sessions import PAGE_VIEW, SESSION

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

SPOOLED = "spooled"
FAILED = "dropped; reason=write_failed"
NEW_ROWS = (Event, ClientContext, PlatformEvent, CollectedEvent, ActivityEvent, Session)


def outcome_of(response):
    return response["X-Event-Outcome"]


def id_of(response):
    return UUID(response.json()["data"]["id"])


@pytest.fixture
def browser(user):
    """A browser of a user who is logged in, from an address whose hash is known."""
    client = Api()
    collect.log_in(client)
    assert outcome_of(client.post(collect.PATH, collect.EVENT)) == "stored"
    CollectedEvent.objects.all().delete()
    return client


@pytest.mark.usefixtures("unrecorded")
def test_new_rows_of_every_api_are_spooled_and_stored_once(api, website, token, browser, journal):
    before = funnel.tracked_total()
    event = event_of(website)
    with failing("analytics", "the analytics database is away"):
        responses = [
            api.post(PATH, event, headers={"Origin": "https://example.com"}),
            api.post(platform.PATH, platform.MINIMAL_EVENT, token=token),
            browser.post(collect.PATH, collect.EVENT),
            api.post("/api/v1/activity/events", {"type": "click"}),
            api.post(SESSION, sessions.session_of()),
        ]
        assert {outcome_of(each) for each in responses} == {SPOOLED}
        assert [each.status_code for each in responses] == [201, 200, 200, 202, 200]
    assert journal.state().rows == 6
    assert not any(model.objects.exists() for model in NEW_ROWS)
    assert [replay.replay(), replay.replay()] == [Replayed(stored=6), Replayed()]
    assert {model.objects.count() for model in NEW_ROWS} == {1}
    assert Event.objects.get().id == UUID(responses[0].json()["id"])
    assert DirtyRange.objects.filter(low=Event.objects.get().id).exists()
    assert PlatformTotal.objects.get().events == 1
    assert (journal.state().rows, journal.state().bytes) == (0, 0)
    assert funnel.tracked_total() == before


def test_funnel_events_are_counted_when_they_are_stored(api, token, journal):
    assert outcome_of(api.post(funnel.PATH, funnel.FULL_EVENT, token=token)) == "stored"
    before = funnel.tracked_total()
    with failing("default", "the main database is away"):
        assert outcome_of(api.post(funnel.PATH, funnel.FULL_EVENT, token=token)) == SPOOLED
    assert (funnel.tracked_total(), replay.replay()) == (before, Replayed(stored=1))
    assert (funnel.tracked_total(), FunnelEvent.objects.count()) == (before + 1, 2)


def test_what_follows_a_session_is_spooled_behind_it(api, token, user, journal):
    known = id_of(api.post(SESSION, sessions.session_of()))
    with failing("analytics", "the analytics database is away"):
        spooled = id_of(api.post(SESSION, sessions.session_of()))
        for session_id in (known, spooled):
            view = api.post(PAGE_VIEW, {"sessionId": str(session_id), "path": "/"})
            left = api.patch(f"{PAGE_VIEW}/{id_of(view)}/leave", {"duration": 5})
            beat = api.patch(f"{SESSION}/{session_id}/heartbeat")
            identified = api.patch(f"{SESSION}/{session_id}/identify", token=token)
            assert {outcome_of(each) for each in (view, left, beat, identified)} == {SPOOLED}
        unknown = api.patch(f"{SESSION}/{uuid7.new_id_now()}/heartbeat")
        assert outcome_of(unknown) == FAILED
    # Back, and not replayed yet: it still comes after its session.
    late = api.post(PAGE_VIEW, {"sessionId": str(spooled), "path": "/2"})
    assert outcome_of(late) == SPOOLED
    entries = journal.read("analytics", 100)
    for _ in range(2):  # as after a crash before the entries were deleted
        replay.replay()
        journal.restore(entries)
    views = dict(Session.objects.values_list("id", "page_views"))
    assert views == {known: 1, spooled: 2}
    assert set(Session.objects.values_list("user_id", flat=True)) == {user.id}
    assert PageView.objects.filter(duration_seconds=5).count() == 2
    assert not RejectedRow.objects.exists()


def test_rows_that_the_database_refuses_are_kept_with_the_reason(
    website, make_website, journal, user
):
    taken, bad, good = new_row(), new_row(event_type="x" * 99), new_row()
    other = make_website(user, "other.example")
    foreign = taken._replace(website_id=other.id)
    journal.append([New("analytics", targets.record(TABLE, [taken, foreign, bad, good]))])
    journal.append([New("analytics", targets.record(TABLE, [foreign]))])
    journal.append([New("analytics", targets.record(TABLE, [good])._replace(target="gone"))])
    replay.replay()
    assert set(Event.objects.values_list("id", flat=True)) == {taken.id, good.id}
    reasons = set(RejectedRow.objects.values_list("reason", flat=True))
    assert {reason.split("(")[0] for reason in reasons} == {
        "Its id is in use by another caller's row.",
        "value too long for type character varying",
        "nothing is named gone",
    }
    assert journal.state().rows == 0


def test_rows_of_an_older_version_find_their_columns(website, journal):
    row = new_row()
    older = targets.Recorded(
        "event",
        "website_id,id,created_at,event_type,url,session_id,visitor_id,gone",
        1,
        targets.record(TABLE, [row]).data,
    )
    values = [row.website_id, row.id, row.created_at, row.event_type, row.url, "s", "v", 5]
    journal.append([New("analytics", older._replace(data=targets.encode([values])))])
    replay.replay()
    assert Event.objects.values_list("id", "session_id", "browser").get() == (row.id, "s", None)


@pytest.mark.parametrize(("cut", "end"), [(0.2, "more"), (0.9, "more"), (0.7, "nothing")])
def test_what_can_be_read_of_a_damaged_journal_is_stored_and_the_file_is_kept(
    api, website, journal, cut, end
):
    rows = [new_row() for _ in range(120)]
    for row in rows:
        journal.append([New("analytics", targets.record(TABLE, [row]))])
    journal.close()  # and what was in the write-ahead log is in the file
    content = journal.path.read_bytes()
    middle = int(len(content) * cut) // 4096 * 4096 + 1000
    rest = b"\xff" * 3000 + content[middle + 3000 :] if end == "more" else b""
    journal.path.write_bytes(content[:middle] + rest)
    with failing("analytics", "the analytics database is away"):
        assert outcome_of(api.post(PATH, event_of(website))) == SPOOLED
    for _ in range(3):
        replay.replay()
    assert Event.objects.count() > 60
    state = journal.state()
    assert (state.rows, state.files_aside) == (0, 1) or Event.objects.count() == 121


def test_a_file_that_is_no_journal_is_put_aside(api, website, journal):
    journal.folder.mkdir()
    journal.path.write_bytes(b"no database" * 1000)
    with failing("analytics", "the analytics database is away"):
        assert outcome_of(api.post(PATH, event_of(website))) == SPOOLED
    replay.replay()
    assert (Event.objects.count(), journal.state().files_aside) == (1, 1)


@pytest.mark.parametrize("limit", ["bytes", "folder"])
def test_a_journal_that_takes_nothing_leaves_the_answers_of_an_outage(
    api, website, settings, tmp_path, journal, limit
):
    settings.SPOOL_BYTES = 1000
    if limit == "folder":
        settings.SPOOL_BYTES = 10_000_000
        (tmp_path / "spool").write_text("a file")
    with failing("analytics", "the analytics database is away"):
        assert_response(api.post(PATH, event_of(website)), 503, UNAVAILABLE, WRITE_FAILED)
    assert not Event.objects.exists()
