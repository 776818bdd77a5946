"""Website events in the admin: pages, filters and search"""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from config.db import uuid7
from tests.support.admin import PAGE_SIZE, listed_ids
from tests.support.events import AT_MS
from tests.support.query_plans import UUID7, plan_of

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

EVENTS = "/admin/analytics/event/"
SUGGESTIONS = f"{EVENTS}websites"
MINUTE_MS, DAY_MS = 60_000, 86_400_000


def links(response):
    """Return the links to other pages by their labels."""
    pages = response.context["cl"]
    named = {"Newest": pages.newest_link, "Newer": pages.newer_link, "Older": pages.older_link}
    there = {words: link for words, link in named.items() if link}
    html = response.content.decode()
    assert {words for words in named if f">\n\n\n{words}\n</a>" in html} == set(there)
    return there


def follow(client, response, words):
    return client.get(EVENTS + links(response)[words])


def statements(client, query):
    """Return the SQL of a list in the main and in the analytics database."""
    with (
        CaptureQueriesContext(connections["default"]) as main,
        CaptureQueriesContext(connections["analytics"]) as analytics,
    ):
        assert client.get(EVENTS, query).status_code == 200
    return [q["sql"] for q in main], [q["sql"] for q in analytics]


def test_two_pages_and_back_show_each_event_once(staff_api, make_events):
    made = make_events(PAGE_SIZE + 3)
    first = staff_api.get(EVENTS)
    assert listed_ids(first) == made[:PAGE_SIZE]
    assert set(links(first)) == {"Older"}
    second = follow(staff_api, first, "Older")
    assert listed_ids(second) == made[PAGE_SIZE:]
    assert set(links(second)) == {"Newest", "Newer"}
    back = follow(staff_api, second, "Newer")
    assert listed_ids(back) == made[:PAGE_SIZE]
    assert set(links(back)) == {"Newest", "Older"}
    assert listed_ids(follow(staff_api, second, "Newest")) == made[:PAGE_SIZE]


def test_a_page_in_the_middle_has_both_neighbours(staff_api, make_events):
    made = make_events(3 * PAGE_SIZE)
    second = follow(staff_api, staff_api.get(EVENTS), "Older")
    third = follow(staff_api, second, "Older")
    assert listed_ids(second) + listed_ids(third) == made[PAGE_SIZE:]
    again = follow(staff_api, third, "Newer")
    assert listed_ids(again) == made[PAGE_SIZE : 2 * PAGE_SIZE]
    assert set(links(again)) == {"Newest", "Newer", "Older"}


def test_links_keep_filters_and_search(staff_api, make_events, website):
    wanted = make_events(PAGE_SIZE + 1, visitor_id="v ä&1", event_type="click")
    make_events(3, visitor_id="v ä&1")
    chosen = {"q": "v ä&1", "event_type": "click", "website": str(website.id), "period": ""}
    first = staff_api.get(EVENTS, chosen)
    assert listed_ids(first) == wanted[:PAGE_SIZE]
    second = follow(staff_api, first, "Older")
    assert listed_ids(second) == wanted[PAGE_SIZE:]
    assert listed_ids(follow(staff_api, second, "Newer")) == wanted[:PAGE_SIZE]


def test_a_new_filter_begins_at_the_first_page(staff_api, make_events):
    made = make_events(PAGE_SIZE + 1)
    html = staff_api.get(EVENTS, {"before": made[0]}).content.decode()
    forms = html.split('id="changelist-search"')[1]
    assert 'name="before"' not in forms


@pytest.mark.usefixtures("unrecorded")
@pytest.mark.parametrize(
    ("query", "main"),
    [
        ({}, 3),  # session, user, websites of the page
        ({"q": "vis-1", "event_type": "click", "period": "month"}, 2),
        ({"website": "{website}", "since": "2026-01-28", "until": "2026-01-28"}, 4),
        ({"before": "{event}"}, 3),
        ({"after": "{event}", "_facets": "1", "all": "", "p": "7", "o": "3.-1"}, 3),
    ],
)
def test_a_page_takes_few_queries_and_no_count(staff_api, make_events, website, query, main):
    middle = make_events(5)[2]
    query = {k: v.format(website=website.id, event=middle) for k, v in query.items()}
    in_main, in_analytics = statements(staff_api, query)
    assert (len(in_main), len(in_analytics)) == (main, 1)
    assert not [q for q in in_main + in_analytics if "COUNT(" in q or "OFFSET" in q]
    assert '"properties"' not in in_analytics[0]


@pytest.mark.usefixtures("unrecorded")
def test_the_list_of_a_website_and_the_search_use_their_indexes(staff_api, website):
    with connections["analytics"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO analytics_event "
            "(id, created_at, website_id, event_type, url, session_id, visitor_id) "
            f"SELECT {UUID7}, now(), gen_random_uuid(), 'click', 'https://a.test', "
            "'sess-' || n, 'vis-' || n FROM generate_series(1, 5000) n"
        )
        cursor.execute("ANALYZE analytics_event")
    [of_website] = statements(staff_api, {"website": website.id})[1]
    plan, used = plan_of(of_website, allow_scans=False)
    assert "event_website_id" in used
    assert "Seq Scan" not in plan
    [search] = statements(staff_api, {"q": "vis-7"})[1]
    plan, used = plan_of(search, allow_scans=False)
    assert {"event_session_hash", "event_visitor_hash"} <= used
    assert "Seq Scan" not in plan


@pytest.mark.parametrize("field", ["session_id", "visitor_id"])
def test_search_finds_exact_sessions_and_visitors(staff_api, make_event, field):
    event = make_event(**{field: "abc-1"})
    make_event(**{field: "abc-12"})
    assert listed_ids(staff_api.get(EVENTS, {"q": " abc-1 "})) == [event.pk]
    assert listed_ids(staff_api.get(EVENTS, {"q": "abc"})) == []


def test_search_finds_a_uuid_as_id_session_or_visitor(staff_api, make_event):
    event = make_event()
    text = str(event.pk)
    others = [
        make_event(AT_MS + 1, session_id=text).pk,
        make_event(AT_MS + 2, visitor_id=text).pk,
    ]
    make_event()
    assert listed_ids(staff_api.get(EVENTS, {"q": text})) == [*others[::-1], event.pk]
    assert listed_ids(staff_api.get(EVENTS, {"q": text.upper()})) == [event.pk]


def test_the_search_box_describes_what_it_finds(staff_api):
    assert "Exact session, visitor or event id" in staff_api.get(EVENTS).content.decode()


def test_events_of_one_website(staff_api, make_event, make_website, user, website):
    event = make_event()
    make_event(website_id=make_website(user, "b.example").id)
    response = staff_api.get(EVENTS, {"website": website.id})
    assert listed_ids(response) == [event.pk]
    option = f'<option value="{website.id}" selected>My Website (example.com)</option>'
    assert option in response.content.decode()


def test_events_of_a_deleted_website_are_found_by_its_id(staff_api, make_event):
    gone = uuid7.new_id_now()
    event = make_event(website_id=gone)
    response = staff_api.get(EVENTS, {"website": gone})
    assert listed_ids(response) == [event.pk]
    assert "(deleted)" in response.content.decode()
    assert f"{gone} (deleted)" in staff_api.get(f"{EVENTS}{event.pk}/change/").content.decode()


def test_websites_are_suggested_by_name_domain_and_code(staff_api, make_website, user, website):
    for n in range(30):
        make_website(user, f"shop{n}.test", name=f"Shop {n:02}")
    response = staff_api.get(SUGGESTIONS, {"term": "SHOP"}).json()
    assert [found["text"] for found in response["results"]] == [
        f"Shop {n:02} (shop{n}.test)" for n in range(20)
    ]
    expected = [{"id": str(website.id), "text": "My Website (example.com)"}]
    for term in ("y Web", "xample.c", website.tracking_code, "my\0 website"):
        assert staff_api.get(SUGGESTIONS, {"term": term}).json()["results"] == expected


def test_events_of_one_type(staff_api, make_event):
    click = make_event(event_type="click")
    make_event()
    assert listed_ids(staff_api.get(EVENTS, {"event_type": "click"})) == [click.pk]


@pytest.mark.parametrize(
    ("period", "length"),
    [
        ("hour", timedelta(hours=1)),
        ("day", timedelta(hours=24)),
        ("week", timedelta(days=7)),
        ("month", timedelta(days=30)),
    ],
)
def test_events_of_a_period(staff_api, make_event, clock, period, length):
    now = datetime(2026, 3, 1, tzinfo=UTC)
    clock.set(now)
    start = uuid7.to_ms(now - length)
    make_event(start - 1)
    event = make_event(start)
    assert listed_ids(staff_api.get(EVENTS, {"period": period})) == [event.pk]


def test_events_from_day_to_day(staff_api, make_event):
    midnight = uuid7.to_ms(datetime(2026, 1, 28, tzinfo=UTC))
    times = [midnight - 1, midnight, midnight + 2 * DAY_MS - 1, midnight + 2 * DAY_MS]
    before, first, last, after = (make_event(ms).pk for ms in times)
    days = {"since": "2026-01-28", "until": "2026-01-29"}
    assert listed_ids(staff_api.get(EVENTS, days)) == [last, first]
    assert listed_ids(staff_api.get(EVENTS, {"since": "2026-01-28"})) == [after, last, first]
    assert listed_ids(staff_api.get(EVENTS, {"until": "2026-01-29"})) == [last, first, before]


@pytest.mark.parametrize(
    "query",
    [
        *(
            "before=abc",
            "before=",
            "after=",
            "after=abc",
            "before=%00",
            "e=1",
            "p=9999999999999999",
        ),
        *("o=99.-99.x", "all=", "_facets=1", "unknown=1", "url__contains=x", "id__gte=abc"),
        "website__user__password__startswith=a",
    ],
)
def test_invalid_parameters_are_ignored(staff_api, make_event, query):
    event = make_event()
    assert listed_ids(staff_api.get(f"{EVENTS}?{query}")) == [event.pk]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("website=abc", "Website: Enter a valid UUID."),
        ("website=%00", "Website: Enter a valid UUID."),
        ("event_type=%00", "Type: Select a valid choice."),
        ("event_type=hover", "Type: Select a valid choice. hover is not"),
        ("period=year", "Time: Select a valid choice. year is not"),
        ("since=yesterday", "From day (UTC): Enter a valid date."),
        ("since=0001-01-01", "From day (UTC): Ensure this value is greater"),
        ("until=9999-12-31", "To day (UTC), inclusive: Ensure this value is less"),
    ],
)
def test_an_invalid_filter_shows_nothing_and_a_message(staff_api, make_event, query, message):
    make_event()
    response = staff_api.get(f"{EVENTS}?{query}")
    assert listed_ids(response) == []
    assert message in response.content.decode()


def test_a_nul_in_the_search_is_reported(staff_api):
    response = staff_api.get(f"{EVENTS}?q=a%00b")
    assert response.status_code == 200
    assert "Null characters are not allowed." in response.content.decode()


@pytest.mark.parametrize("id", ["abc", "019c0630-fe00-70c8-aa3a-de3497964cb8", "_00", "a%00b"])
def test_an_unknown_event_redirects_to_the_index(staff_api, id):
    response = staff_api.get(f"{EVENTS}{id}/change/")
    assert (response.status_code, response["Location"]) == (302, "/admin/")


def test_pages_beyond_the_ends_are_empty_and_link_back(staff_api, make_event):
    event = make_event()
    for query in ({"before": event.pk}, {"after": event.pk}):
        response = staff_api.get(EVENTS, query)
        assert listed_ids(response) == []
        assert "No events here." in response.content.decode()
        assert listed_ids(follow(staff_api, response, "Newest")) == [event.pk]
