"""Actions of staff on websites: traffic, pause, resume, new codes"""

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connections
from django.test import Client
from django.utils import timezone

from analytics.events import traffic
from analytics.events.models import Event
from config.db import uuid7
from tests.support.databases import failing
from tests.support.events import PATH, event_of
from tests.support.query_plans import statements
from websites import lookup
from websites.first_run import curl_line
from websites.models import RetiredCode, Website
from websites.tracker.snippet import script_line

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

LIST = "/admin/websites/website/"
GONE = "Website with this tracking code not found"


def page_of(website, step="change"):
    return f"{LIST}{website.pk}/{step}/"


def put(website, *, ago):
    """Store an event of so long ago."""
    at = timezone.now() - ago
    ms = uuid7.to_ms(at)
    return Event.objects.create(
        id=uuid7.new_id(ms), created_at=uuid7.from_ms(ms), website_id=website.id,
        event_type="pageview", url="https://example.com/", session_id="s", visitor_id="v",
    )  # fmt: skip


def listed(staff_api):
    """Return (last event, events today) of each website of the list, by name."""
    response = staff_api.get(LIST)
    rows = response.context["cl"].result_list
    admin = response.context["cl"].model_admin
    return {row.name: (admin.last_event(row), admin.today(row)) for row in rows}


@pytest.fixture
def noon(clock):
    """Let it be noon of today, whatever the time of the test."""
    clock.set(clock.now.replace(hour=12, minute=0, second=0, microsecond=0))


def test_the_list_shows_the_last_event_and_those_of_today(
    staff_api, website, make_website, user, noon, monkeypatch
):
    monkeypatch.setattr(traffic, "MAX_COUNTED", 3)
    busy = make_website(user, "busy.example", name="Busy")
    make_website(user, "new.example", name="New")
    last = put(website, ago=timedelta(hours=1))
    put(website, ago=timedelta(hours=13))
    for hours in range(4):
        put(busy, ago=timedelta(hours=hours))
    result = listed(staff_api)
    assert f"{last.created_at:%Y-%m-%d %H:%M:%S}" in result["My Website"][0]
    assert {name: today for name, (_, today) in result.items()} == {
        **{"My Website": "1", "Busy": "3+", "New": "0"},
    }
    assert result["New"][0] == "-"


def test_a_page_of_websites_costs_one_query_of_events(staff_api, website, make_website, user):
    for n in range(5):
        put(make_website(user, f"{n}.example"), ago=timedelta(hours=1))
    [asked] = [sql for sql in statements(staff_api, LIST) if "analytics_event" in sql]
    assert "unnest" in asked


def test_the_traffic_walks_the_index_of_websites_however_few_there_are():
    with connections["analytics"].cursor() as cursor:
        # So many rows in order that walking the ids looks cheaper than the higher index.
        cursor.execute(
            "INSERT INTO analytics_event "
            "(id, created_at, website_id, event_type, url, session_id, visitor_id) "
            "SELECT (lpad(to_hex(1769000000000 + n), 12, '0') || '70008000000000000000')::uuid, "
            "now(), ('00000000-0000-0000-0000-00000000000' || n % 3)::uuid, 'click', '', '', '' "
            "FROM generate_series(1, 20000) n"
        )
        cursor.execute("ANALYZE analytics_event")
        values: list[Any] = [uuid7.floor(timezone.now()), 10, [uuid7.new_id_now()]]
        cursor.execute("EXPLAIN " + traffic.TRAFFIC_QUERY, values)
        plan = " ".join(line for (line,) in cursor.fetchall())
    last_event, _ = plan.split("SubPlan 2")
    assert "_pkey" not in last_event
    assert "Seq Scan" not in last_event
    assert "website_id_id_idx" in last_event


def test_without_the_analytics_database_websites_are_listed(staff_api, website):
    with failing("analytics", "the analytics database is away"):
        response = staff_api.get(LIST)
    page = response.content.decode()
    assert "The database does not answer" in page
    assert website.tracking_code in page


def test_a_website_is_paused_and_resumed_after_a_question(staff_api, website, api):
    assert api.post(PATH, event_of(website)).status_code == 201
    question = staff_api.get(page_of(website, "pause"))
    assert "Its events are refused with 404" in question.content.decode()
    assert staff_api.post(page_of(website, "pause")).status_code == 200
    assert Website.objects.get().is_active
    done = staff_api.post(page_of(website, "pause"), {"confirmed": "yes"})
    assert (done.status_code, done["Location"]) == (302, page_of(website))
    assert not Website.objects.get().is_active
    assert api.post(PATH, event_of(website)).json()["message"] == GONE
    staff_api.post(page_of(website, "resume"), {"confirmed": "yes"})
    assert api.post(PATH, event_of(website)).status_code == 201
    entries = LogEntry.objects.order_by("pk")
    assert [entry.change_message for entry in entries] == ["Paused.", "Resumed."]


def test_a_website_offers_the_step_that_makes_sense(staff_api, website):
    def offered():
        page = staff_api.get(page_of(website)).content.decode()
        return [step for step in ("pause", "resume", "rotate") if f"/{step}/" in page]

    assert offered() == ["pause", "rotate"]
    website.change(is_active=False)
    assert offered() == ["resume", "rotate"]


def test_several_websites_are_paused_after_a_question(staff_api, website, make_website, user):
    other = make_website(user, "b.example")
    make_website(user, "c.example")
    sent = {"action": "pause_selected", "_selected_action": [website.pk, other.pk]}
    question = staff_api.post(LIST, sent)
    page = question.content.decode()
    assert "My Website (example.com), My Website (b.example)" in page.replace(
        "My Website (b.example), My Website (example.com)",
        "My Website (example.com), My Website (b.example)",
    )
    assert Website.objects.filter(is_active=True).count() == 3
    assert question.context["hidden_fields"][0] == ("action", "pause_selected")
    done = staff_api.post(LIST, sent | {"confirmed": "yes"})
    assert (done.status_code, done["Location"]) == (302, LIST)
    assert [row.domain for row in Website.objects.filter(is_active=True)] == ["c.example"]
    staff_api.post(LIST, sent | {"action": "resume_selected", "confirmed": "yes"})
    assert Website.objects.filter(is_active=True).count() == 3


@pytest.fixture
def rotate(staff_api, website):
    """Change the tracking code; return the old one."""

    def rotate():
        old = Website.objects.get(pk=website.pk).tracking_code
        staff_api.post(page_of(website, "rotate"), {"confirmed": "yes"})
        return old

    return rotate


def test_after_a_change_both_codes_are_good_for_a_day(rotate, website, api, staff_api):
    first, second = rotate(), rotate()
    website.refresh_from_db()
    codes = [first, second, website.tracking_code]
    assert len(set(codes)) == 3
    for code in codes:
        assert api.post(PATH, event_of(website, trackingCode=code)).status_code == 201
    assert Event.objects.of_website(website.id).count() == 3
    page = staff_api.get(page_of(website)).content.decode()
    assert f"{first} until " in page
    [ends_first] = RetiredCode.objects.order_by("good_until")[:1]
    assert ends_first.good_until - timezone.now() > timedelta(hours=23)


def test_an_old_code_ends(rotate, website, api):
    old = rotate()
    sent = event_of(website, trackingCode=old)
    RetiredCode.objects.update(good_until=timezone.now() + timedelta(seconds=30))
    assert api.post(PATH, sent).status_code == 201
    RetiredCode.objects.update(good_until=timezone.now())
    lookup.reset()  # a process believes what it read for at most MAX_AGE_SECONDS
    response = api.post(PATH, sent)
    assert (response.status_code, response.json()["message"]) == (404, GONE)


def test_an_old_code_of_a_paused_website_accepts_nothing(rotate, website, api):
    old = rotate()
    website.refresh_from_db()
    website.change(is_active=False)
    assert api.post(PATH, event_of(website, trackingCode=old)).status_code == 404


def test_a_code_is_never_given_out_twice(rotate, website, monkeypatch):
    old = rotate()
    letters = iter(old[3:9] + "zzzzzz")
    monkeypatch.setattr("websites.models.secrets.choice", lambda alphabet: next(letters))
    rotate()
    website.refresh_from_db()
    assert website.tracking_code == f"pm-zzzzzz-{old[-13:]}"


def test_websites_are_found_by_an_old_code(rotate, website, staff_api):
    old = rotate()
    response = staff_api.get(LIST, {"q": old})
    assert list(response.context["cl"].result_list) == [website]


def test_the_form_has_a_line_that_works_in_a_shell(staff_api, website):
    page = unescape(staff_api.get(page_of(website)).content.decode())
    assert curl_line(f"http://testserver{PATH}", website.tracking_code) in page


def test_the_form_has_the_line_for_the_pages(staff_api, website):
    page = unescape(staff_api.get(page_of(website)).content.decode())
    assert script_line("http://testserver/tracker.js", website.tracking_code) in page


@pytest.mark.parametrize("step", ["pause", "resume", "rotate"])
def test_steps_need_the_permission_to_change(make_user, website, step):
    viewer = make_user("viewer@example.com", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_website"))
    client = Client()
    client.force_login(viewer)
    page = client.get(page_of(website))
    assert page.status_code == 200
    assert f"/{step}/" not in page.content.decode()
    assert client.post(page_of(website, step), {"confirmed": "yes"}).status_code == 403
    assert Website.objects.get().tracking_code == website.tracking_code


def test_an_action_on_a_deleted_website_is_reported(staff_api, website):
    website.delete()
    assert staff_api.post(page_of(website, "pause"), {"confirmed": "yes"}).status_code == 404
    assert staff_api.get(f"{LIST}nothing/pause/").status_code == 404
