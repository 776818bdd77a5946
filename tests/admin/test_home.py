"""The home page of the admin"""

import json
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import OperationalError, connections
from django.test import Client

from analytics.streams import sizes
from analytics.streams.base import streams
from analytics.streams.maintenance import MaintenanceFailure, MaintenanceRun
from config.api import outcome_counts
from config.api.outcomes import Outcome
from config.db import uuid7
from config.models import OutcomeCount, RuntimeSettings
from tests.support.databases import failing
from tests.support.events import PATH, event_of
from tests.support.query_plans import statements

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

HOME = "/admin/"
NOON = uuid7.from_ms(1_800_000_000_000).replace(hour=12, minute=0, second=0, microsecond=0)
AWAY = "The analytics database does not answer; this cannot be shown now."


@pytest.fixture(autouse=True)
def _noon(clock):
    clock.set(NOON)


@pytest.fixture
def nothing_counted(db):
    """Let PostgreSQL forget the rows of funnel events that other tests made it count."""
    with connections["default"].cursor() as cursor:
        cursor.execute("ANALYZE analytics_funnelevent")


@pytest.fixture
def count():
    """Store the counts of an hour before noon."""

    def count(hours, api, outcome, events, *, reason=""):
        slot = NOON - timedelta(hours=hours)
        OutcomeCount.objects.create(
            slot=slot, api=api, outcome=outcome, reason=reason, events=events
        )

    return count


def text_of(response):
    """Return the text of the page's content."""
    assert response.status_code == 200
    html = response.content.decode().partition('id="content"')[2] or response.content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_today_is_shown_by_api_and_outcome_with_the_reasons(staff_api, count):
    count(0, "events", "stored", 1234)
    count(12, "events", "stored", 1)
    count(12.25, "events", "stored", 10_000)  # yesterday
    count(3, "events", "duplicate", 5)
    count(3, "track", "dropped", 7, reason="no_consent")
    count(2, "track", "dropped", 8, reason="bot")
    count(1, "collect", "rejected", 9)
    response = staff_api.get(HOME)
    rows = {row["api"]: dict(row["events"]) for row in response.context["today"]}
    nothing = {"stored": 0, "spooled": 0, "duplicate": 0, "dropped": 0, "rejected": 0}
    assert rows == {
        "track": nothing | {"dropped": 15},
        "events": nothing | {"stored": 1235, "duplicate": 5},
        "activity": nothing,
        "platform": nothing,
        "collect": nothing | {"rejected": 9},
    }
    words = text_of(response)
    assert "Events 1,235 0 5 0 0" in words
    assert "Dropped: bot 8, no consent 7" in words


def test_what_was_just_posted_is_counted(staff_api, website, api):
    api.post(PATH, event_of(website))
    Outcome.KILL_SWITCH.count("track", 3)
    outcome_counts.flush()
    rows = {row["api"]: dict(row["events"]) for row in staff_api.get(HOME).context["today"]}
    assert (rows["events"]["stored"], rows["track"]["dropped"]) == (1, 3)


def test_the_chart_has_the_last_24_hours(staff_api, count):
    count(23, "events", "stored", 2)
    count(23.25, "events", "stored", 100)
    count(0, "events", "stored", 3)
    count(0.5, "track", "stored", 4)
    count(0.5, "track", "rejected", 5)
    chart = json.loads(staff_api.get(HOME).context["chart"]["data"])
    assert (chart["labels"][0], chart["labels"][-1], len(chart["labels"])) == ("13:00", "12:00", 24)
    bars = {bar["label"]: bar["data"] for bar in chart["datasets"]}
    assert bars["Stored"] == [2, *[0] * 21, 4, 3]
    assert bars["Rejected"] == [*[0] * 22, 5, 0]
    assert bars["Dropped"] == bars["Duplicate"] == [0] * 24


def test_without_events_the_chart_shows_a_message(staff_api):
    assert "No events came in the last 24 hours." in text_of(staff_api.get(HOME))


def test_switches_are_shown_with_who_when_and_why(staff_api):
    end = NOON + timedelta(hours=2)
    RuntimeSettings.load().change(
        {"tracking_enabled": "false"},
        changed_by="anna@example.com",
        reasons={"tracking_enabled": "a flood of bots"},
        ends={"tracking_enabled": end},
    )
    response = staff_api.get(HOME)
    result = (
        f"Track Until {end:%-d %B %Y}, 14:00 UTC. Set by anna@example.com, {NOON:%-d %B %Y}, "
        "12:00 UTC: a flood of bots Off Events Never changed On"
    )
    assert result in text_of(response)
    assert '"/admin/config/runtimesettings/1/change/"' in response.content.decode()


def test_a_switch_that_expired_is_shown_as_expired(staff_api, clock):
    end = NOON + timedelta(minutes=5)
    RuntimeSettings.load().change(
        {"tracking_enabled": "false"}, changed_by="a", ends={"tracking_enabled": end}
    )
    clock.set(end)
    words = text_of(staff_api.get(HOME))
    assert f"Track Turned back by itself, {NOON:%-d %B %Y}, 12:05 UTC" in words


def test_failed_writes_are_shown(staff_api, count):
    count(0.5, "events", "stored", 1000)
    count(0.5, "track", "stored", 2)
    assert "1,002 stored, none failed" in text_of(staff_api.get(HOME))
    count(0.5, "events", "dropped", 3, reason="write_failed")
    count(1.5, "events", "dropped", 100, reason="write_failed")
    assert "3 could not be written, 1,002 stored" in text_of(staff_api.get(HOME))


def test_the_daily_maintenance_is_shown(staff_api, clock):
    assert "Partitions Has never come to its end Retention Has never" in text_of(
        staff_api.get(HOME)
    )
    MaintenanceRun.record("retention", "5 rows deleted")
    clock.move(minutes=3)
    MaintenanceFailure.record("retention", "the <disk> is full")
    words = text_of(staff_api.get(HOME))
    assert f"Retention {NOON:%-d %B %Y}, 12:00 UTC: 5 rows deleted Failed" in words
    assert f"Failed {NOON:%-d %B %Y}, 12:03 UTC: the &lt;disk&gt; is full" in words
    MaintenanceRun.record("retention", "6 rows deleted")
    assert "Failed" not in text_of(staff_api.get(HOME))


def test_tables_are_shown_with_their_rows_and_rate(staff_api, website, nothing_counted):
    with connections["analytics"].cursor() as cursor:
        now = uuid7.now()
        events = [now - timedelta(days=20) * n / 1000 for n in range(1001)]
        cursor.executemany(
            "INSERT INTO analytics_event (id, created_at, website_id, event_type, url, "
            "session_id, visitor_id) VALUES (%s, %s, %s, 'click', '', '', '')",
            [(uuid7.new_id(uuid7.to_ms(at)), at, website.id) for at in events],
        )
        cursor.execute("ANALYZE analytics_event")
    words = text_of(staff_api.get(HOME))
    assert re.search(r"Events 1,001 [\d.]+\W[kM]B \d+ \w+ \d+ (20 days|not enough data)", words)
    assert re.search(r"Funnel events 0 [\d.]+\W[kM]B - not enough data", words)


def test_the_page_reads_no_table_of_events(staff_api, website, api):
    api.post(PATH, event_of(website))
    asked = statements(staff_api, HOME)
    tables = {model._meta.db_table for model in streams()}
    of_events = [sql for sql in asked for table in tables if f'FROM "{table}"' in sql]
    assert of_events
    assert all(sql.endswith(" ASC LIMIT 1") for sql in of_events)  # the oldest, by the primary key


def test_without_the_analytics_database_the_rest_is_shown(staff_api, nothing_counted):
    with failing("analytics", "the analytics database is away"):
        words = text_of(staff_api.get(HOME))
    assert AWAY in words
    assert "Analytics database Does not answer" in words
    assert re.search(r"Main database Answers in [\d.]+ ms", words)
    assert "Public event reads Never changed On" in words
    assert "Funnel events 0" in words


def test_without_the_tables_of_the_main_database_the_rest_is_shown(staff_api, monkeypatch):
    def read(alias):
        if alias == "default":
            raise OperationalError("too slow")
        return []

    monkeypatch.setattr(sizes, "of_streams", read)
    words = text_of(staff_api.get(HOME))
    assert "Main database Does not answer" in words
    assert re.search(r"Analytics database Answers in [\d.]+ ms", words)


def test_who_sees_one_stream_sees_that_and_no_switches(make_user):
    user = make_user("viewer@example.com", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_event"))
    client = Client()
    client.force_login(user)
    response = client.get(HOME)
    tables = [table["name"] for each in response.context["databases"] for table in each["tables"]]
    assert tables == ["Events"]
    assert "Switches" not in text_of(response)


def test_pages_load_nothing_from_other_hosts(staff_api, website):
    pages = [
        *(HOME, "/admin/config/runtimesettings/1/change/", "/admin/websites/website/"),
        *(f"/admin/websites/website/{website.pk}/change/", "/admin/analytics/event/"),
    ]
    for page in pages:
        html = staff_api.get(page).content.decode()
        loaded = re.findall(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="([^"]+)"', html)
        assert loaded
        assert [url for url in loaded if not url.startswith(("/static/", "/admin/"))] == []


def test_without_the_main_database_the_page_shows_a_message(staff_api, main_database_away):
    staff_api.raise_request_exception = False
    response = staff_api.get(HOME)
    page = response.content.decode()
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert "If it is the main database, nobody can be recognised" in page
    assert 'href="/health/ready"' in page
