"""The dashboard against plain loops over random events"""

from collections import Counter, defaultdict
from fractions import Fraction
from math import floor

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from analytics.events.models import Event
from config.api.web_urls import host_of
from config.db import uuid7
from tests.support.dashboard import DAY_MS, NOW_MS, event_at
from tests.support.in_full import repeated

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

URLS = [f"https://example.com/{path}" for path in ("", "a", "B", "é")]
REFERRERS = [
    *(None, None, "https://www.google.com/", "https://google.com/x", "https://GOOGLE.com:443/"),
    *("https://b.example/", "http://u:p@[::1]:80/", "file:///x", "https://www./"),
]
HOST_CHARACTERS = "aZw.-:@/?#[]1é\\"


@st.composite
def events(draw):
    """Draw a few events around the windows of one or two days; many have equal times and ids."""
    edges = st.sampled_from([NOW_MS - days * DAY_MS for days in range(5)])
    times = st.builds(int.__add__, edges, st.integers(-2, 2) | st.integers(-90_000, 90_000))
    return event_at(
        draw(times),
        event_type=draw(st.sampled_from(["pageview", "pageview", "pageview", "click", "custom"])),
        url=draw(st.sampled_from(URLS)),
        referrer=draw(st.sampled_from(REFERRERS)),
        session_id=draw(st.sampled_from("12345")),
        visitor_id=draw(st.sampled_from("ABC")),
        device_type=draw(st.sampled_from(["mobile", "desktop", "tablet", None])),
    )


def rounded(number):
    return floor(number + Fraction(1, 2))


def within(found, start_ms, end_ms):
    return [each for each in found if start_ms <= uuid7.ms_of(each.id) < end_ms]


def views_of(found):
    return [each for each in found if each.event_type == "pageview"]


def by(name, found):
    groups = defaultdict(list)
    for each in found:
        groups[getattr(each, name)].append(each)
    return groups


def seconds_of(sessions):
    """Return the rounded mean of the durations of sessions."""
    spans = [[uuid7.ms_of(each.id) for each in session] for session in sessions]
    total_ms = sum(max(span) - min(span) for span in spans)
    return rounded(Fraction(total_ms, 1000 * len(spans))) if spans else 0


def bounce_rate_of(sessions):
    """Return the per cent of sessions with a page view that have exactly one."""
    counts = [len(views_of(session)) for session in sessions if views_of(session)]
    return rounded(Fraction(100 * counts.count(1), len(counts))) if counts else 0


def numbers_of(found):
    sessions = list(by("session_id", found).values())
    return {
        "pageViews": len(views_of(found)),
        "uniqueVisitors": len(by("visitor_id", found)),
        "sessions": len(by("session_id", views_of(found))),
        "avgSessionDuration": seconds_of(sessions),
        "bounceRate": bounce_rate_of(sessions),
    }


def change(new, old):
    return rounded(Fraction(100 * (new - old), old)) if old else 100 * (new > 0)


def metrics_of(found, previous):
    new, old = numbers_of(found), numbers_of(previous)
    changes = {f"{name}Change": change(new[name], old[name]) for name in new}
    return new | changes | {"bounceRateChange": new["bounceRate"] - old["bounceRate"]}


def days_of(found):
    days = Counter(f"{each.created_at:%Y-%m-%d}" for each in views_of(found))
    return [{"date": day, "pageviews": views} for day, views in sorted(days.items())]


def pages_of(found):
    sessions = by("session_id", found)
    rows = []
    for url, views in by("url", views_of(found)).items():
        seen = [sessions[id] for id in by("session_id", views)]
        rows.append(
            {
                "url": url,
                "views": len(views),
                "uniqueVisitors": len(by("visitor_id", views)),
                "bounceRate": bounce_rate_of(seen),
                "avgSessionDuration": seconds_of(seen),
            }
        )
    return sorted(rows, key=lambda row: (-row["views"], row["url"]))


def name_of(referrer):
    host = (host_of(referrer or "") or "").lower()
    return (host.removeprefix("www.") or host) or "Direct"


def referrers_of(found):
    groups = defaultdict(list)
    for each in views_of(found):
        groups[name_of(each.referrer)].append(each)
    rows = [
        {
            "referrer": name,
            "visitors": len(by("visitor_id", views)),
            "sessions": len(by("session_id", views)),
            "pageViews": len(views),
        }
        for name, views in groups.items()
    ]
    return sorted(rows, key=lambda row: (-row["pageViews"], row["referrer"]))


def devices_of(found):
    counts = Counter(each.device_type or "other" for each in views_of(found))
    return {name: counts[name] for name in ("mobile", "desktop", "tablet", "other")}


EXPECTED = {
    "pageviews": days_of,
    "top-pages": pages_of,
    "referrers": referrers_of,
    "devices": devices_of,
}


@pytest.mark.in_full
def test_it_is_what_loops_count(ask, website):
    @settings(max_examples=repeated(100))
    @given(st.lists(events(), max_size=40), st.integers(1, 2))
    def check(made, days):
        replace_events(made, website)
        start_ms = NOW_MS - days * DAY_MS
        found = within(made, start_ms, NOW_MS)
        previous = within(made, start_ms - days * DAY_MS, start_ms)
        results = {name: ask(name, days=days).json()["data"] for name in EXPECTED}
        assert results == {name: expected(found) for name, expected in EXPECTED.items()}
        assert ask("metrics", days=days).json()["data"] == metrics_of(found, previous)

    check()


@pytest.mark.in_full
def test_a_limit_cuts_the_lists_off(ask, website):
    @settings(max_examples=repeated(30))
    @given(st.lists(events(), max_size=40), st.integers(1, 4))
    def check(made, limit):
        replace_events(made, website)
        found = within(made, NOW_MS - 7 * DAY_MS, NOW_MS)
        assert ask("top-pages", limit=limit).json()["data"] == pages_of(found)[:limit]
        assert ask("referrers", limit=limit).json()["data"] == referrers_of(found)[:limit]

    check()


@pytest.mark.in_full
def test_the_host_of_any_referrer_is_that_of_its_url(ask, website):
    """Those which are no URL were never stored."""

    @settings(max_examples=repeated(200), suppress_health_check=[HealthCheck.filter_too_much])
    @given(st.text(HOST_CHARACTERS, min_size=1, max_size=20).map("https://{}".format))
    def check(referrer):
        assume(host_of(referrer) is not None)
        replace_events([event_at(NOW_MS - 1, referrer=referrer)], website)
        [row] = ask("referrers").json()["data"]
        assert row["referrer"] == name_of(referrer)

    check()


def replace_events(made, website):
    """Let these be all events of the website."""
    Event.objects.all().delete()
    for event in made:
        event.website_id = website.id
    Event.objects.bulk_create(made)
