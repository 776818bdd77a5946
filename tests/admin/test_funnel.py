"""Funnel events in the admin"""

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from analytics.funnel.models import FunnelEvent
from config.db import uuid7
from tests.support.admin import PAGE_SIZE, assert_paged, listed_ids
from tests.support.events import AT_MS
from tests.support.query_plans import UUID7, plan_of, statements
from websites.models import User

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

EVENTS = "/admin/analytics/funnelevent/"
TABLE = "analytics_funnelevent"


@pytest.fixture
def make_event(user):
    """Store an event of the user, if of no other one."""

    def make(ms=AT_MS, **fields):
        id = uuid7.new_id(ms)
        usual = {"user": user, "session_id": "sess-1", "event_type": "signup", "event_data": {}}
        return FunnelEvent.objects.create(id=id, created_at=uuid7.from_ms(ms), **usual | fields)

    return make


def test_pages_show_each_event_once(staff_api, make_event):
    assert_paged(staff_api, EVENTS, [make_event(AT_MS + n).pk for n in range(PAGE_SIZE + 2)])


def test_a_page_costs_one_query_however_many_users_it_shows(staff_api, make_event, make_user):
    for n in range(5):
        make_event(user=make_user(f"user{n}@example.com"))
    [sql] = statements(staff_api, EVENTS, table=TABLE, alias="default")
    assert "COUNT" not in sql
    assert "event_data" not in sql


def test_a_row_of_the_list_shows_the_essentials(staff_api, make_event):
    make_event(event_type="<b>click", session_id=None)
    html = staff_api.get(EVENTS).content.decode()
    assert "2026-01-28 20:00:00" in html
    assert 'href="?q=user%40example.com"' in html
    assert "&lt;b&gt;click" in html


def test_the_detail_page_shows_everything_and_links_to_the_user(staff_api, make_event, user):
    event = make_event(event_data={"tag": "<i>", "price": "5 ü"})
    html = staff_api.get(f"{EVENTS}{event.pk}/change/").content.decode()
    assert 'name="_save"' not in html
    for text in (str(event.pk), "2026-01-28 20:00:00", "signup", user.email):
        assert text in html
    assert f'href="/admin/websites/user/{user.id}/change/"' in html
    assert f'href="{EVENTS}?q=sess-1"' in html
    assert (
        "{\n  &quot;tag&quot;: &quot;&lt;i&gt;&quot;,\n  &quot;price&quot;: &quot;5 ü&quot;\n}"
        in html
    )


def fill(user, count):
    """Store so many events of a user, for plans as of a big table."""
    with connections["default"].cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {TABLE} (id, created_at, user_id, session_id, event_type, event_data) "
            f"SELECT {UUID7}, now(), %s, 'sess-' || n, 'hover', '{{}}' "
            "FROM generate_series(1, %s) n",
            [user.id, count],
        )
        cursor.execute(f"ANALYZE {TABLE}")


@pytest.mark.parametrize(
    ("term", "index"),
    [
        ("user@example.com", "funnel_user_id"),
        (" User@Example.com ", "funnel_user_id"),
        ("sess 2", "funnel_session_hash"),
        ("{id}", "analytics_funnelevent_pkey"),
    ],
)
def test_the_search_is_exact_and_served_by_an_index(
    staff_api, make_event, make_user, user, term, index
):
    wanted = make_event(session_id="sess 2")
    make_event(user=make_user("user@example.com.tr"), session_id="sess 22")
    fill(make_user("other@example.com"), 5000)
    query = {"q": term.format(id=wanted.pk)}
    assert listed_ids(staff_api.get(EVENTS, query)) == [wanted.pk]
    [sql] = statements(staff_api, EVENTS, query, table=TABLE, alias="default")
    plan, used = plan_of(sql, "default", allow_scans=False)
    assert index in used
    assert "Seq Scan" not in plan.replace("websites_user", "")


def test_unknown_names_find_nothing(staff_api, make_event):
    make_event()
    for term in ("nobody@example.com", "user@example", "sess-", "signup"):
        assert listed_ids(staff_api.get(EVENTS, {"q": term})) == []


def test_the_search_finds_an_email_that_is_a_session(staff_api, make_event):
    event = make_event(session_id="nobody@example.com")
    assert listed_ids(staff_api.get(EVENTS, {"q": "nobody@example.com"})) == [event.pk]


@pytest.mark.parametrize("event_type", ["click", " click", "é" * 100_000])
def test_events_of_one_type_are_found_by_an_index(staff_api, make_event, make_user, event_type):
    wanted = [make_event(AT_MS + n, event_type=event_type).pk for n in range(2)][::-1]
    make_event(event_type="clic")
    fill(make_user("other@example.com"), 5000)
    query = {"event_type": event_type}
    assert listed_ids(staff_api.get(EVENTS, query)) == wanted
    [sql] = statements(staff_api, EVENTS, query, table=TABLE, alias="default")
    assert "funnel_type_hash_id" in plan_of(sql, "default", allow_scans=False)[1]


def test_filters_and_search_narrow_each_other(staff_api, make_event, make_user):
    wanted = make_event(event_type="click")
    make_event(event_type="click", user=make_user("other@example.com"))
    make_event()
    make_event(AT_MS - 86_400_000, event_type="click")
    query = {"event_type": "click", "q": "user@example.com", "since": "2026-01-28"}
    assert listed_ids(staff_api.get(EVENTS, query)) == [wanted.pk]


@pytest.mark.parametrize("query", ["event_type=a%00b", "since=yesterday"])
def test_an_invalid_filter_shows_nothing(staff_api, make_event, query):
    make_event()
    assert listed_ids(staff_api.get(f"{EVENTS}?{query}")) == []


def test_there_is_no_add_change_or_delete(staff_api, make_event):
    event = make_event()
    for path in ("add/", f"{event.pk}/change/", f"{event.pk}/delete/", f"{event.pk}/history/"):
        assert staff_api.post(EVENTS + path, {"post": "yes", "event_type": "x"}).status_code == 403
    assert FunnelEvent.objects.get().event_type == "signup"


def test_a_user_with_events_can_be_deleted_with_them(staff_api, make_event, user):
    make_event()
    path = f"/admin/websites/user/{user.id}/delete/"
    with CaptureQueriesContext(connections["default"]) as asked:
        assert staff_api.get(path).status_code == 200
    assert not [each["sql"] for each in asked if "analytics_funnelevent" in each["sql"]]
    assert staff_api.post(path, {"post": "yes"}).status_code == 302
    assert not User.objects.filter(id=user.id).exists()
    assert not FunnelEvent.objects.exists()
