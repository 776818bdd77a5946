"""Collected events in the admin"""

import pytest
from django.db import connections

from analytics.collect.models import CollectedEvent
from config.db import uuid7
from tests.support.admin import PAGE_SIZE, assert_paged, listed_ids
from tests.support.databases import failing
from tests.support.events import AT_MS
from tests.support.query_plans import UUID7, plan_of, statements

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

EVENTS = "/admin/analytics/collectedevent/"
DAY_MS = 86_400_000
NOON = AT_MS // DAY_MS * DAY_MS + DAY_MS // 2


@pytest.fixture
def make_event(user):
    """Store an event of the user, if of no other one."""

    def make(ms=AT_MS, **fields):
        at = uuid7.from_ms(ms)
        usual = {"user_id": user.id, "event_type": "page_view", "event_data": {}, "ip_hash": "0f"}
        return CollectedEvent.objects.create(
            id=uuid7.new_id(ms), created_at=at, received_at=at, **usual | fields
        )

    return make


@pytest.fixture
def noon(clock):
    """Let it be noon of the day of AT_MS."""
    clock.set(uuid7.from_ms(NOON))


def asked(client, query=None):
    """Return the SQL that a list needs of the table of events."""
    return statements(client, EVENTS, query, table="analytics_collectedevent")


def today(client, **query):
    """Return what the page says of today: whose counts, and the counts."""
    said = client.get(EVENTS, query).context["cl"].today
    return said["whose"], dict(said["counts"])


def test_pages_show_each_event_once(staff_api, make_event):
    assert_paged(staff_api, EVENTS, [make_event(AT_MS + n).pk for n in range(PAGE_SIZE + 2)])


def test_a_page_costs_two_queries_however_many_users_it_shows(staff_api, make_event, make_user):
    for n in range(5):
        make_event(user_id=make_user(f"user{n}@example.com").id)
    page, counts = asked(staff_api)
    assert "event_data" not in page
    assert "COUNT" not in page
    assert "GROUP BY" in counts
    users = statements(staff_api, EVENTS, table="websites_user", alias="default")
    assert len([sql for sql in users if " IN (" in sql]) == 1


def test_a_row_of_the_list_shows_the_essentials(staff_api, make_event, make_user):
    event = make_event(event_type="form_submit")
    other = make_event(user_id=uuid7.new_id_now())
    html = staff_api.get(EVENTS).content.decode()
    for text in ("2026-01-28 20:00:00", "form_submit", f"evt_{event.pk.hex}"):
        assert text in html
    assert 'href="?user=user%40example.com"' in html
    assert f'href="?q={other.user_id}"' in html


def test_the_detail_page_shows_everything_and_links_to_the_user(staff_api, make_event, user):
    event = make_event(event_data={"tag": "<i>"})
    html = staff_api.get(f"{EVENTS}{event.pk}/change/").content.decode()
    assert 'name="_save"' not in html
    for text in (str(event.pk), f"evt_{event.pk.hex}", "2026-01-28 20:00:00", user.email, "0f"):
        assert text in html
    assert f'href="/admin/websites/user/{user.id}/change/"' in html
    assert "{\n  &quot;tag&quot;: &quot;&lt;i&gt;&quot;\n}" in html
    orphan = make_event(user_id=uuid7.new_id_now())
    page = staff_api.get(f"{EVENTS}{orphan.pk}/change/")
    assert f"{orphan.user_id} (deleted)" in page.content.decode()


def fill(count, event_type="scroll"):
    """Store so many events of a type, for plans as of a big table."""
    with connections["analytics"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO analytics_collectedevent "
            "(id, created_at, received_at, user_id, event_type, event_data, ip_hash) "
            f"SELECT {UUID7}, now(), now(), gen_random_uuid(), %s, '{{}}', '0f' "
            "FROM generate_series(1, %s) n",
            [event_type, count],
        )
        cursor.execute("ANALYZE analytics_collectedevent")


@pytest.mark.parametrize(
    ("term", "index"),
    [
        ("user@example.com", "collect_user_id"),
        (" User@Example.com ", "collect_user_id"),
        ("{user}", "collect_user_id"),
        ("{id}", "analytics_collectedevent_pkey"),
        (" evt_{id.hex} ", "analytics_collectedevent_pkey"),
    ],
)
def test_the_search_is_exact_and_served_by_an_index(
    staff_api, make_event, make_user, user, term, index
):
    wanted = make_event()
    make_event(user_id=make_user("user@example.com.tr").id)
    query = {"q": term.format(id=wanted.pk, user=user.id)}
    fill(5000)
    assert listed_ids(staff_api.get(EVENTS, query)) == [wanted.pk]
    plan, used = plan_of(asked(staff_api, query)[0], allow_scans=False)
    assert index in used
    assert "Seq Scan" not in plan


@pytest.mark.parametrize(
    "term", ["nobody@example.com", "page_view", "evt_", "evt_" + "0" * 32, "0f"]
)
def test_unknown_names_find_nothing(staff_api, make_event, term):
    make_event()
    assert listed_ids(staff_api.get(EVENTS, {"q": term})) == []


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({"event_type": "scroll"}, "collect_type_id"),
        ({"user": "Other@example.com"}, "collect_user_id"),
        ({"user": "other@example.com", "event_type": "scroll"}, "collect_"),
    ],
)
def test_filters_are_served_by_an_index(staff_api, make_event, make_user, query, index):
    other = make_user("other@example.com")
    wanted = [make_event(AT_MS + n, event_type="scroll", user_id=other.id).pk for n in (1, 0)]
    make_event(event_type="scroll_")
    make_event(AT_MS - DAY_MS)
    fill(5000, event_type="hover")
    assert listed_ids(staff_api.get(EVENTS, query)) == wanted
    plan, used = plan_of(asked(staff_api, query)[0], allow_scans=False)
    assert any(name.startswith(index) for name in used)
    assert "Seq Scan" not in plan
    assert listed_ids(staff_api.get(EVENTS, query | {"until": "2026-01-27"})) == []


@pytest.mark.parametrize(
    "query", ["event_type=a%00b", "since=yesterday", "user=nobody@example.com"]
)
def test_an_invalid_filter_shows_nothing(staff_api, make_event, query):
    make_event()
    response = staff_api.get(f"{EVENTS}?{query}")
    assert listed_ids(response) == []
    assert "Today" not in response.content.decode()


@pytest.mark.usefixtures("noon")
def test_the_four_types_of_the_dashboard_are_added_up_for_today(staff_api, make_event, make_user):
    other = make_user("other@example.com")
    midnight = NOON - DAY_MS // 2
    for ms in (midnight - 1, midnight, NOON, midnight + DAY_MS - 1, midnight + DAY_MS):
        make_event(ms)
        make_event(ms, event_type="scroll")
    for type in ("button_click", "form_submit", "form_submit", "error_encountered"):
        make_event(NOON, event_type=type, user_id=other.id)
    everyone = {"page_view": "3", "button_click": "1", "form_submit": "2", "error_encountered": "1"}
    assert today(staff_api) == ("all users", everyone)
    assert today(staff_api, event_type="scroll", until="2026-01-01") == ("all users", everyone)
    users = {"page_view": "3", "button_click": "0", "form_submit": "0", "error_encountered": "0"}
    assert today(staff_api, user="user@example.com") == ("user@example.com", users)
    html = staff_api.get(EVENTS, {"user": "other@example.com"}).content.decode()
    assert "Today (UTC), other@example.com" in html
    assert "error_encountered</dt>" in html


@pytest.mark.parametrize(
    ("query", "index"), [({}, "collect_type_id"), ({"user": "user@example.com"}, "collect_")]
)
def test_counts_are_served_by_an_index(staff_api, make_event, query, index):
    make_event()
    fill(5000)
    plan, used = plan_of(asked(staff_api, query)[1], allow_scans=False)
    assert any(name.startswith(index) for name in used)
    assert "Seq Scan" not in plan


def test_older_pages_do_not_count(staff_api, make_event):
    oldest, newest = make_event(AT_MS), make_event(AT_MS + 1)
    query = {"before": str(newest.pk)}
    [page] = asked(staff_api, query)
    assert "GROUP BY" not in page
    response = staff_api.get(EVENTS, query)
    assert listed_ids(response) == [oldest.pk]
    assert "Today" not in response.content.decode()


def test_without_the_analytics_database_the_page_shows_a_message(staff_api):
    with failing("analytics", "the analytics database is away"):
        html = staff_api.get(EVENTS).content.decode()
    assert html.count("The database does not answer; try again in a moment.") == 2


def test_there_is_no_add_change_or_delete(staff_api, make_event):
    event = make_event()
    for path in ("add/", f"{event.pk}/change/", f"{event.pk}/delete/", f"{event.pk}/history/"):
        assert staff_api.post(EVENTS + path, {"post": "yes", "event_type": "x"}).status_code == 403
    assert CollectedEvent.objects.get().event_type == "page_view"
