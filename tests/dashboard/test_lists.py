"""GET pageviews, top-pages, referrers and devices of the dashboard"""

import pytest

from tests.support.dashboard import DAY_MS, NOW, NOW_MS, devices_body, rows_body
from tests.support.responses import assert_response

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

WEEK_MS = 7 * DAY_MS
MIDNIGHT_MS = NOW_MS % DAY_MS  # before NOW
OUTSIDE = (-1, 0, WEEK_MS + 1)
LISTS = ("pageviews", "top-pages", "referrers")


def of(session, visitor="v", **fields):
    return {"session_id": session, "visitor_id": visitor} | fields


def page(url, views, visitors, bounce_rate=0, duration=0):
    return {
        "url": url,
        "views": views,
        "uniqueVisitors": visitors,
        "bounceRate": bounce_rate,
        "avgSessionDuration": duration,
    }


def referrer(name, visitors, sessions, views):
    return {"referrer": name, "visitors": visitors, "sessions": sessions, "pageViews": views}


def referrers_of(ask):
    return {row["referrer"]: row["pageViews"] for row in ask("referrers").json()["data"]}


def test_without_events_there_are_no_rows(ask):
    for name in LISTS:
        assert_response(ask(name), 200, rows_body(total=0))
    assert_response(ask("devices"), 200, devices_body())


def test_events_outside_of_the_period_do_not_count(ask, store):
    store(*((ago_ms, {}) for ago_ms in OUTSIDE))
    for name in LISTS:
        assert_response(ask(name), 200, rows_body(total=0))
    assert_response(ask("devices"), 200, devices_body())


def test_the_first_and_the_last_millisecond_of_the_period_count(ask, store):
    store((1, {}), (WEEK_MS, {}))
    assert ask("pageviews").json()["total"] == 2
    assert ask("top-pages").json()["data"][0]["views"] == 2
    assert referrers_of(ask) == {"Direct": 2}
    assert_response(ask("devices"), 200, devices_body(other=2))


def test_page_views_by_day_of_utc(ask, store):
    store((MIDNIGHT_MS, {}), (MIDNIGHT_MS + 1, {}), (1, {}), (1, {"event_type": "click"}))
    store((3 * DAY_MS, {}))
    expected = rows_body(
        {"date": "2026-01-25", "pageviews": 1},
        {"date": "2026-01-27", "pageviews": 1},
        {"date": "2026-01-28", "pageviews": 2},
        total=4,
    )
    assert_response(ask("pageviews"), 200, expected)
    assert f"{NOW:%Y-%m-%d}" == "2026-01-28"


def test_top_pages(ask, store):
    a, b = "https://example.com/a", "https://example.com/b"
    store(
        (60_000, of("1", "A", url=a)),  # 50 s with a click elsewhere, two page views
        (30_000, of("1", "A", url=b)),
        (10_000, of("1", "A", url=b, event_type="click")),
        (9_000, of("2", "B", url=a)),  # a bounce of 1 s
        (8_000, of("2", "B", url=a, event_type="custom")),
        (7_000, of("3", "A", url=a)),  # a bounce
        (6_000, of("4", "C", url=a, event_type="click")),  # without any page view
    )
    # of a: two of three sessions are bounces, (50 + 1 + 0) s / 3
    expected = rows_body(page(a, 3, 2, 67, 17), page(b, 1, 1, 0, 50))
    assert_response(ask("top-pages"), 200, expected)


def test_pages_are_grouped_by_their_exact_url(ask, store):
    urls = [
        "https://example.com/a",
        "https://example.com/a/",
        "https://example.com/a?b#c",
        "HTTPS://example.com/a",
    ]
    store(*((1, {"url": url, "session_id": url}) for url in urls))
    expected = rows_body(*(page(url, 1, 1, 100) for url in sorted(urls)))
    assert_response(ask("top-pages"), 200, expected)


def test_equal_pages_are_in_the_order_of_code_points(ask, store):
    urls = [f"https://example.com/{end}" for end in ("", "-", "B", "_", "a", "z", "é", "😀")]
    store((1, {"url": urls[4]}), *((1, {"url": url}) for url in reversed(urls)))
    rows = ask("top-pages").json()["data"]
    assert [row["url"] for row in rows] == [urls[4], *urls[:4], *urls[5:]]


def test_a_page_seen_twice_in_a_session_counts_its_session_once(ask, store):
    store((20_000, of("1")), (10_000, of("1")), (5_000, of("2")))
    assert_response(ask("top-pages"), 200, rows_body(page("https://example.com/", 3, 1, 50, 5)))


def test_referrers(ask, store):
    store(
        (9, of("1", "A", referrer="https://www.google.com/search?q=a")),
        (8, of("1", "A", referrer="https://google.com/")),
        (7, of("2", "B", referrer="http://GOOGLE.com")),
        (6, of("2", "C")),
        (5, of("2", "C", referrer="https://bing.com/")),
        (4, of("9", "Z", referrer="https://bing.com/", event_type="click")),
    )
    expected = rows_body(
        referrer("google.com", 2, 2, 3), referrer("Direct", 1, 1, 1), referrer("bing.com", 1, 1, 1)
    )
    assert_response(ask("referrers"), 200, expected)


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (None, "Direct"),
        ("https://example.com", "example.com"),
        ("https://Example.COM:8443/a?b=https://other.example/#c", "example.com"),
        ("HTTPS://WWW.example.com/", "example.com"),
        ("https://www.www.example.com/", "www.example.com"),
        ("https://www2.example.com/", "www2.example.com"),
        ("https://wwwexample.com/", "wwwexample.com"),
        ("https://www./", "www."),
        ("https://direct/", "direct"),
        ("https://user:pass@example.com/a@b", "example.com"),
        ("https://good.example@evil.example/", "evil.example"),
        ("https://a@b@c.example/", "c.example"),
        ("https://@example.com/", "example.com"),
        ("https://example.com?@other.example", "example.com"),
        ("https://example.com#@other.example", "example.com"),
        ("http://192.0.2.1:80/", "192.0.2.1"),
        ("http://[2001:DB8::1]:8080/", "[2001:db8::1]"),
        ("http://user@[::1]", "[::1]"),
        ("android-app://com.Google.android.gm/", "com.google.android.gm"),
        ("capacitor://localhost", "localhost"),
        ("file:///C:/index.html", "Direct"),
        ("https://MÜNCHEN.example/", "münchen.example"),
        ("https://xn--mnchen-3ya.example/", "xn--mnchen-3ya.example"),
        ("https://例え.テスト/", "例え.テスト"),
        ("https://😀.example/", "😀.example"),
        ("https://exa_mple.com./", "exa_mple.com."),
    ],
)
def test_a_referrer_counts_under_its_host(api, ask, website, clock, sent, name):
    event = {
        "trackingCode": website.tracking_code,
        "eventType": "pageview",
        "url": "https://a.example/",
    }
    ids = {"sessionId": "s", "visitorId": "v"}
    assert api.post("/api/v1/events", event | ids | {"referrer": sent}).status_code == 201
    clock.move(seconds=1)
    assert_response(ask("referrers"), 200, rows_body(referrer(name, 1, 1, 1)))


def test_page_views_by_device(ask, store):
    devices = ["mobile", "mobile", "desktop", "tablet", None, None, None]
    store(*((1, {"device_type": device}) for device in devices))
    store((1, {"device_type": "tablet", "event_type": "click"}))
    assert_response(ask("devices"), 200, devices_body(mobile=2, desktop=1, tablet=1, other=3))
