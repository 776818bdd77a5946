"""Platform events in the admin"""

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from analytics.platform import stats
from analytics.platform.models import PlatformEvent
from config.db import uuid7
from tests.support.admin import PAGE_SIZE, assert_paged, listed_ids
from tests.support.events import AT_MS
from tests.support.query_plans import UUID7, plan_of

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

EVENTS = "/admin/analytics/platformevent/"
NOBODY = "019c0630-fe00-7d71-bb46-7075e0512424"


@pytest.fixture
def make_event(user):
    """Store an event of the user, if of no other one."""

    def make(ms=AT_MS, **fields):
        usual = {
            "user_id": user.id,
            "event_name": "order_placed",
            "category": "trading",
            "priority": "high",
            "properties": {},
        }
        event = PlatformEvent.objects.create(
            id=uuid7.new_id(ms), created_at=uuid7.from_ms(ms), **usual | fields
        )
        stats.count_new_rows([event])
        return event

    return make


@pytest.fixture
def crowd():
    """Store many newer events of another user, with other values throughout."""
    with connections["analytics"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO analytics_platformevent "
            "(id, created_at, user_id, event_name, category, priority, properties) "
            f"SELECT {UUID7}, now(), md5((n % 50)::text)::uuid, 'click', 'user_action', 'medium', "
            "'{}' FROM generate_series(1, 10000) n"
        )
        cursor.execute("ANALYZE analytics_platformevent")
    stats.rebuild()


def statement(client, query):
    """Return the statement that reads a page."""
    with CaptureQueriesContext(connections["analytics"]) as asked:
        assert client.get(EVENTS, query).status_code == 200
    [sql] = [q["sql"] for q in asked if "platformevent" in q["sql"] and "ORDER BY" in q["sql"]]
    return sql


def test_pages_show_each_event_once(staff_api, make_event):
    assert_paged(staff_api, EVENTS, [make_event(AT_MS + n).pk for n in range(PAGE_SIZE + 2)])


def test_a_page_costs_one_query_in_each_database(staff_api, make_event, make_user):
    for n in range(5):
        make_event(user_id=make_user(f"user{n}@example.com").id)
    sql = statement(staff_api, {})
    assert "COUNT" not in sql
    assert "properties" not in sql
    with CaptureQueriesContext(connections["default"]) as asked:
        html = staff_api.get(EVENTS).content.decode()
    emails = [q for q in asked if '"email"' in q["sql"] and " IN (" in q["sql"]]
    assert len(emails) == 1
    assert all(f"user{n}@example.com" in html for n in range(5))


def test_a_row_of_the_list_shows_the_essentials(staff_api, make_event):
    make_event(event_name="<b>order & co", page_url="https://app.example.com/trade")
    make_event(user_id=NOBODY)
    html = staff_api.get(EVENTS).content.decode()
    for text in ("2026-01-28 20:00:00", "&lt;b&gt;order &amp; co", "Trading", "High", "(deleted)"):
        assert text in html
    for query in (
        *("q=user%40example.com", f"q={NOBODY}"),
        *("event_name=%3Cb%3Eorder+%26+co", "event_name=order_placed"),
    ):
        assert f'href="?{query}"' in html


def test_the_detail_page_shows_everything_and_links_to_the_user(staff_api, make_event, user):
    event = make_event(
        properties={"pair": "<i>"}, session_id="s-1", client_id="web-1", user_agent="Terminal/2.0"
    )
    html = staff_api.get(f"{EVENTS}{event.pk}/change/").content.decode()
    assert 'name="_save"' not in html
    for text in (str(event.pk), "order_placed", user.email, "s-1", "web-1", "Terminal/2.0"):
        assert text in html
    assert f'href="/admin/websites/user/{user.id}/change/"' in html
    assert "{\n  &quot;pair&quot;: &quot;&lt;i&gt;&quot;\n}" in html


def test_the_detail_of_an_event_whose_user_is_gone(staff_api, make_event):
    event = make_event(user_id=NOBODY)
    html = staff_api.get(f"{EVENTS}{event.pk}/change/").content.decode()
    assert f"{NOBODY} (deleted)" in html


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({"category": "trading"}, "platform_category"),
        ({"priority": "high"}, "platform_priority"),
        ({"event_name": " order placed"}, "platform_name_hash_id"),
        ({"q": " User@Example.com "}, "platform_user_id"),
        ({"q": "{user}"}, "platform_user_id"),
        ({"q": "{id}"}, "analytics_platformevent_pkey"),
        ({"since": "2026-01-28", "until": "2026-01-28"}, "analytics_platformevent_pkey"),
    ],
)
def test_what_is_rare_is_found_among_many_by_an_index(
    staff_api, make_event, user, crowd, query, index
):
    wanted = make_event(event_name=" order placed")
    query = {name: text.format(user=user.id, id=wanted.pk) for name, text in query.items()}
    assert listed_ids(staff_api.get(EVENTS, query)) == [wanted.pk]
    plan, used = plan_of(statement(staff_api, query))
    assert "Seq Scan" not in plan
    assert index in used


@pytest.mark.parametrize(
    "query", [{}, {"category": "user_action"}, {"priority": "medium"}, {"event_name": "click"}]
)
def test_a_page_of_what_is_frequent_is_found_by_a_walk(staff_api, crowd, query):
    assert len(listed_ids(staff_api.get(EVENTS, query))) == PAGE_SIZE
    plan, used = plan_of(statement(staff_api, query))
    assert used <= {"analytics_platformevent_pkey", "platform_name_hash_id"}
    assert "Sort" not in plan
    assert "Seq Scan" not in plan


def test_a_category_is_looked_for_from_its_last_hour_on(staff_api, make_event):
    wanted = make_event()
    make_event(AT_MS + 1, category="auth")
    query = {"category": "trading"}
    assert listed_ids(staff_api.get(EVENTS, query)) == [wanted.pk]
    end = uuid7.floor(uuid7.from_ms(AT_MS + 3_600_000))
    assert f"\"id\" < '{end.hex}'" in statement(staff_api, query)


def test_a_category_without_events_needs_no_search(staff_api, make_event):
    make_event()
    assert listed_ids(staff_api.get(EVENTS, {"category": "system"})) == []


def test_filters_and_search_narrow_each_other(staff_api, make_event, make_user):
    wanted = make_event()
    make_event(category="auth")
    make_event(priority="low")
    make_event(event_name="order_place")
    make_event(user_id=make_user("other@example.com").id)
    make_event(AT_MS - 86_400_000)
    query = {
        "category": "trading",
        "priority": "high",
        "event_name": "order_placed",
        "q": "user@example.com",
        "since": "2026-01-28",
    }
    assert listed_ids(staff_api.get(EVENTS, query)) == [wanted.pk]


@pytest.mark.parametrize("query", ["category=nothing", "priority=x", "event_name=a%00b"])
def test_an_invalid_filter_shows_nothing(staff_api, make_event, query):
    make_event()
    assert listed_ids(staff_api.get(f"{EVENTS}?{query}")) == []


def test_there_is_no_add_change_or_delete(staff_api, make_event):
    event = make_event()
    for path in ("add/", f"{event.pk}/change/", f"{event.pk}/delete/", f"{event.pk}/history/"):
        assert staff_api.post(EVENTS + path, {"post": "yes", "event_name": "x"}).status_code == 403
    assert PlatformEvent.objects.get().event_name == "order_placed"
