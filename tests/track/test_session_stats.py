"""Statistics of sessions"""

import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from analytics.rounding import rounded_ratio
from analytics.sessions import stats
from analytics.sessions.models import Session
from analytics.sessions.stats import Group, Totals
from analytics.streams import partitions
from analytics.streams.partitions import Month
from config.db import uuid7
from tests.support.session_rows import store_session

pytestmark = pytest.mark.django_db(databases=["analytics"])

DAY = (datetime(2026, 1, 28, tzinfo=UTC), datetime(2026, 1, 29, tzinfo=UTC))
NEXT_DAY = (DAY[1], datetime(2026, 1, 30, tzinfo=UTC))
NOON_MS = uuid7.to_ms(datetime(2026, 1, 28, 12, tzinfo=UTC))
TOPS = [stats.top_referrers, stats.top_countries, stats.top_devices]


def store_sessions(count, **fields):
    """Store some sessions of the day, a second apart."""
    for n in range(count):
        store_session(NOON_MS + n * 1000, **fields)


def statement(function, *args, **named):
    """Return the one statement that a function executes."""
    with CaptureQueriesContext(connections["analytics"]) as queries:
        function(*args, **named)
    [query] = queries
    return query["sql"]


def test_totals():
    store_session(NOON_MS, page_views=1, duration_seconds=30)
    store_session(NOON_MS + 1, page_views=4, duration_seconds=120, bounced=False)
    store_session(NOON_MS + 2, page_views=2, duration_seconds=0, bounced=False)
    # 1 of 3 is 33.3 per cent, 150 s / 3, 7 page views / 3 = 2.333
    assert stats.totals(*DAY) == Totals(
        sessions=3, bounce_rate=33, average_duration_seconds=50, pages_per_session=2.33
    )


def test_a_session_without_a_page_view_is_bounced():
    store_session(NOON_MS)
    assert stats.totals(*DAY) == Totals(
        sessions=1, bounce_rate=100, average_duration_seconds=0, pages_per_session=0.0
    )


def test_halves_are_rounded_up():
    # 1 of 8 is 12.5 per cent, 20 s / 8 = 2.5 s, 1 page view / 8 = 0.125
    store_session(NOON_MS, page_views=1, duration_seconds=20)
    store_sessions(7, bounced=False)
    assert stats.totals(*DAY) == Totals(
        sessions=8, bounce_rate=13, average_duration_seconds=3, pages_per_session=0.13
    )


@pytest.mark.parametrize(
    ("part", "whole", "rounded"),
    [(1, 2, 1), (3, 2, 2), (5, 2, 3), (1, 3, 0), (2, 3, 1), (0, 7, 0), (-5, 2, -2)],
)
def test_rounding(part, whole, rounded):
    assert rounded_ratio(part, whole) == rounded


def test_a_boundary_belongs_to_the_later_period():
    start, end = (uuid7.to_ms(at) for at in DAY)
    for ms, domain in (
        (start - 1, "before.test"),
        (start, "first.test"),
        (end - 1, "last.test"),
        (end, "after.test"),
    ):
        store_session(ms, referrer_domain=domain)
    assert stats.totals(*DAY).sessions == 2
    assert stats.top_referrers(*DAY) == [Group("first.test", 1), Group("last.test", 1)]
    assert stats.totals(*NEXT_DAY).sessions == 1
    assert stats.top_referrers(*NEXT_DAY) == [Group("after.test", 1)]


def test_a_session_counts_where_it_began_with_all_of_its_pages():
    last_ms = uuid7.to_ms(DAY[1]) - 1
    store_session(
        last_ms,
        page_views=3,
        bounced=False,
        duration_seconds=7200,
        last_active_at=uuid7.from_ms(last_ms + 7_200_000),
    )
    assert stats.totals(*DAY) == Totals(
        sessions=1, bounce_rate=0, average_duration_seconds=7200, pages_per_session=3.0
    )
    assert stats.totals(*NEXT_DAY) == Totals()


@pytest.mark.parametrize("period", [NEXT_DAY, DAY[::-1], (DAY[0], DAY[0])])
def test_an_empty_period_is_all_zeros(period):
    store_session(NOON_MS, country="Turkey", device="mobile")
    assert stats.totals(*period) == Totals(
        sessions=0, bounce_rate=0, average_duration_seconds=0, pages_per_session=0.0
    )
    assert [top(*period) for top in TOPS] == [[], [], []]


def test_top_referrers():
    store_sessions(2, referrer_domain="instagram.com")
    store_sessions(3)
    store_sessions(1, referrer_domain="google.com")
    assert stats.top_referrers(*DAY) == [
        Group("direct", 3),
        Group("instagram.com", 2),
        Group("google.com", 1),
    ]


def test_top_countries():
    store_sessions(1, country="Turkey")
    store_sessions(2, country="Germany")
    assert stats.top_countries(*DAY) == [Group("Germany", 2), Group("Turkey", 1)]


def test_top_devices():
    store_sessions(1, device="mobile")
    store_sessions(2, device="desktop")
    assert stats.top_devices(*DAY) == [Group("desktop", 2), Group("mobile", 1)]


@pytest.mark.parametrize(
    ("top", "field"), [(stats.top_countries, "country"), (stats.top_devices, "device")]
)
def test_null_and_an_empty_text_are_unknown(top, field):
    store_sessions(2, **{field: None})
    store_sessions(2, **{field: ""})
    store_sessions(1, **{field: "x"})
    assert top(*DAY) == [Group("Unknown", 4), Group("x", 1)]


@pytest.mark.parametrize(
    ("top", "field"),
    list(zip(TOPS, ["referrer_domain", "country", "device"], strict=True)),
)
def test_ties_stand_in_the_order_of_code_points(top, field):
    for name in ("ä.test", "b.test", "a.test", "B.test", "most.test", "most.test"):
        store_session(NOON_MS, **{field: name})
    assert [group.name for group in top(*DAY)] == [
        *("most.test", "B.test", "a.test", "b.test", "ä.test")
    ]


@pytest.mark.parametrize("top", TOPS)
def test_a_list_has_ten_groups_or_the_requested_number(top):
    for n in range(12):
        name = f"name-{n:02}"
        store_session(NOON_MS, referrer_domain=name, country=name, device=name)
    expected = [Group(f"name-{n:02}", 1) for n in range(12)]
    assert top(*DAY) == expected[:10]
    assert top(*DAY, limit=11) == expected[:11]


def test_one_bio_page():
    page = uuid4()
    wanted = {"referrer_domain": "a.test", "country": "Turkey", "device": "mobile"}
    store_session(NOON_MS, bio_page_id=page, page_views=1, duration_seconds=60, **wanted)
    store_session(NOON_MS, bio_page_id=uuid4(), bounced=False, page_views=9)
    store_session(NOON_MS, bounced=False, page_views=9)
    assert stats.totals(*DAY, bio_page_id=page) == Totals(
        sessions=1, bounce_rate=100, average_duration_seconds=60, pages_per_session=1.0
    )
    assert [top(*DAY, bio_page_id=page) for top in TOPS] == [
        [Group(name, 1)] for name in wanted.values()
    ]
    assert stats.totals(*DAY).sessions == 3


@pytest.mark.parametrize("function", [stats.totals, *TOPS])
def test_only_the_months_of_the_period_are_read(function):
    for month in (Month(2026, 1), Month(2026, 2)):
        partitions.create(Session, month)
    sql = statement(function, *DAY)
    with connections["analytics"].cursor() as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) " + sql)
        plan = json.dumps(cursor.fetchone()[0])
    read = [name for name in partitions.partition_names(Session) if f'"{name}"' in plan]
    assert read == ["analytics_session_y2026m01"]
