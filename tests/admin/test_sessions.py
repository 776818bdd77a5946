"""Sessions in the admin: pages, filters and search"""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from config.db import uuid7
from tests.support.admin import PAGE_SIZE, html_of, listed_ids
from tests.support.query_plans import plan_of, statements
from tests.support.session_rows import AT_MS, FULL_SESSION, fill_sessions, store_session

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

SESSIONS = "/admin/analytics/session/"
AWAY = "The database does not answer; try again in a moment."


def test_two_pages_and_back_show_each_session_once(staff_api):
    made = [store_session(AT_MS + n).pk for n in range(PAGE_SIZE + 3)][::-1]
    first = staff_api.get(SESSIONS)
    assert listed_ids(first) == made[:PAGE_SIZE]
    second = staff_api.get(SESSIONS + first.context["cl"].older_link)
    assert listed_ids(second) == made[PAGE_SIZE:]
    back = staff_api.get(SESSIONS + second.context["cl"].newer_link)
    assert listed_ids(back) == made[:PAGE_SIZE]


def test_a_row_of_the_list_shows_the_essentials(staff_api):
    store_session(**FULL_SESSION)
    html = html_of(staff_api, SESSIONS)
    for text in ("2026-01-28 20:00:00", "instagram.com", "https://example.com/johndoe"):
        assert text in html
    assert '<td class="field-is_bounced' in html
    for text in ("Mobile, Mobile Safari", "Turkey", "1:01:30"):
        assert text in html
    assert '<td class="field-page_views' in html


def test_a_row_of_which_little_is_known(staff_api):
    session = store_session()
    response = staff_api.get(SESSIONS)
    assert listed_ids(response) == [session.pk]
    assert "None" not in response.content.decode().split('id="result_list"')[1]


@pytest.mark.parametrize(
    ("chosen", "fields"),
    [
        ({"device": "mobile"}, {"device": "mobile"}),
        ({"device": "tablet"}, {"device": "tablet"}),
        ({"device": "desktop"}, {"device": "desktop"}),
        ({"device": "unknown"}, {"device": None}),
        ({"device": "unknown"}, {"device": ""}),
        ({"bounced": "yes"}, {"bounced": True}),
        ({"bounced": "no"}, {"bounced": False, "device": "tv"}),
        ({"bounced": "no", "device": "mobile"}, {"bounced": False, "device": "mobile"}),
    ],
)
def test_filters(staff_api, chosen, fields):
    session = store_session(**fields)
    other = {"device": "watch", "bounced": not fields.get("bounced", True)}
    store_session(**other)
    assert listed_ids(staff_api.get(SESSIONS, chosen)) == [session.pk]
    assert len(listed_ids(staff_api.get(SESSIONS, dict.fromkeys(chosen, "")))) == 2


def test_sessions_of_a_period(staff_api, clock):
    now = datetime(2026, 3, 1, tzinfo=UTC)
    clock.set(now)
    start = uuid7.to_ms(now - timedelta(hours=24))
    store_session(start - 1)
    session = store_session(start)
    assert listed_ids(staff_api.get(SESSIONS, {"period": "day"})) == [session.pk]


def test_sessions_from_day_to_day(staff_api):
    midnight = uuid7.to_ms(datetime(2026, 1, 28, tzinfo=UTC))
    _, first, last, _ = (
        store_session(ms).pk
        for ms in (midnight - 1, midnight, midnight + 86_399_999, midnight + 86_400_000)
    )
    days = {"since": "2026-01-28", "until": "2026-01-28"}
    assert listed_ids(staff_api.get(SESSIONS, days)) == [last, first]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("device=toaster", "Device: Select a valid choice. toaster is not"),
        ("bounced=maybe", "Bounced: Select a valid choice. maybe is not"),
    ],
)
def test_an_invalid_filter_shows_nothing_and_a_message(staff_api, query, message):
    store_session()
    response = staff_api.get(f"{SESSIONS}?{query}")
    assert listed_ids(response) == []
    assert message in response.content.decode()
    assert "No sessions here." in response.content.decode()


def test_search_finds_a_session_by_its_id(staff_api):
    session = store_session()
    store_session()
    assert listed_ids(staff_api.get(SESSIONS, {"q": f" {str(session.pk).upper()} "})) == [
        session.pk
    ]


def test_search_finds_the_sessions_of_a_user(staff_api):
    user_id = uuid4()
    found = [store_session(AT_MS + n, user_id=user_id).pk for n in range(2)]
    store_session(user_id=uuid4())
    assert listed_ids(staff_api.get(SESSIONS, {"q": user_id})) == found[::-1]


@pytest.mark.parametrize("text", ["direct", "019c0630", "019c0630-fe00-7d71-bb46-7075e0512424"])
def test_search_finds_nothing_else(staff_api, text):
    session = store_session()
    assert listed_ids(staff_api.get(SESSIONS, {"q": text})) == []
    assert listed_ids(staff_api.get(SESSIONS, {"q": session.visitor_hash})) == []


def test_the_search_box_describes_what_it_finds(staff_api):
    assert "Exact session or user id" in html_of(staff_api, SESSIONS)


@pytest.mark.usefixtures("unrecorded")
@pytest.mark.parametrize(
    ("query", "indexes"),
    [
        ({}, {"analytics_session_pkey"}),
        ({"device": "mobile", "bounced": "no"}, {"analytics_session_pkey"}),
        ({"before": "019c0630-fe00-7d71-bb46-7075e0512424"}, {"analytics_session_pkey"}),
        (
            {"q": "019c0630-fe00-7d71-bb46-7075e0512424"},
            {"analytics_session_pkey", "session_user_id"},
        ),
    ],
)
def test_a_page_of_the_list_is_one_index_scan(staff_api, query, indexes):
    fill_sessions(5000)
    [sql] = statements(staff_api, SESSIONS, query)
    assert "COUNT(" not in sql
    plan, used = plan_of(sql, allow_scans=False)
    assert indexes <= used
    assert "Seq Scan" not in plan


def test_an_analytics_database_that_is_down_is_reported(staff_api, analytics_away):
    response = staff_api.get(SESSIONS)
    assert listed_ids(response) == []
    assert AWAY in response.content.decode()
    detail = staff_api.get(f"{SESSIONS}{uuid7.new_id_now()}/change/", follow=True)
    assert detail.redirect_chain == [("/admin/", 302)]
    assert AWAY in detail.content.decode()
