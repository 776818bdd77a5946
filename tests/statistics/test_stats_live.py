"""Statistics: what happens right now"""

from datetime import timedelta

import pytest

from analytics.reports.derived import rollup
from tests.support.client_contexts import BROWSER
from tests.support.responses import assert_response
from tests.support.statistics import DATABASES, NOW, assert_refused

pytestmark = [pytest.mark.django_db(databases=DATABASES), pytest.mark.usefixtures("at_now")]
BOT = BROWSER | {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}
META = {
    "from": "2026-03-29T11:34:00+00:00",
    "to": "2026-03-29T12:04:00+00:00",
    "timezone": "UTC",
    "asOf": "2026-03-29T12:03:00.000Z",
}


def event(minutes, visitor, page="/", **more):
    """Return an event so many minutes ago of a visitor, whose session has the same name."""
    fields = {"visitorId": visitor, "sessionId": visitor, "url": f"https://example.com{page}"}
    return NOW - timedelta(minutes=minutes), fields | more


def minutes_body(**counts):
    """Return the minutes, empty but for some: page views and visitors by minutes ago."""
    return [
        {
            "start": f"2026-03-29T{11 + (34 + n) // 60}:{(34 + n) % 60:02}:00+00:00",
            "pageviews": counts.get(f"ago_{29 - n}", (0, 0))[0],
            "visitors": counts.get(f"ago_{29 - n}", (0, 0))[1],
        }
        for n in range(30)
    ]


def row(value, label, visitors, pageviews):
    metrics = {"visitors": visitors, "pageviews": pageviews}
    return {"value": value, "label": label, "metrics": metrics}


def shown(minutes, **fields):
    """Return how an event so many minutes ago is shown."""
    time = (NOW - timedelta(minutes=minutes)).isoformat()
    usual = {"type": "pageview", "page": "/", "name": None, "country": None, "source": None}
    return {"time": time} | usual | fields


def test_without_events_there_are_minutes_all_the_same(ask):
    body = {"visitors": 0, "minutes": minutes_body(), "pages": [], "sources": [], "countries": []}
    assert_response(ask(path="live"), 200, body | {"events": [], "meta": META})


def test_the_last_minutes(ask, post):
    link = {"kind": "outbound", "href": "https://other.example/"}
    post(
        event(31, "gone"),
        event(29, "anna", "/", referrer="https://www.google.com/", location="DE"),
        event(5, "anna", "/a?x=1", location="DE"),
        event(4, "anna", "/a", eventType="click", properties=link),
        event(2, "bert", "/a"),
        event(1, "bert", "/a", eventType="custom", properties={"name": "sign-up"}),
        event(0, "bert", "/a", eventType="custom", properties={"name": "$engagement"}),
        event(0, "carl", "/b", location="AT"),
    )
    body = {
        "visitors": 3,
        "minutes": minutes_body(
            ago_29=(1, 1), ago_5=(1, 1), ago_4=(0, 1), ago_2=(1, 1), ago_1=(0, 1), ago_0=(1, 1)
        ),
        "pages": [row("/a", "/a", 2, 2), row("/", "/", 1, 1), row("/b", "/b", 1, 1)],
        "sources": [row(None, "Direct", 2, 2), row("Google", "Google", 1, 2)],
        "countries": [
            row(None, "Unknown", 1, 1),
            row("AT", "Austria", 1, 1),
            row("DE", "Germany", 1, 2),
        ],
        "events": [
            shown(0, page="/b", country="AT"),
            shown(1, type="custom", page="/a", name="sign-up"),
            shown(2, page="/a"),
            shown(4, type="click", page="/a", name=link["href"], country="DE", source="Google"),
            shown(5, page="/a", country="DE", source="Google"),
            shown(29, country="DE", source="Google"),
        ],
        "meta": META,
    }
    assert_response(ask(path="live"), 200, body)


@pytest.mark.parametrize("is_rolled_up", [True, False])
def test_a_session_that_began_earlier_keeps_its_source(ask, post, website, is_rolled_up):
    post(
        event(90, "anna", referrer="https://www.google.com/", location="DE"),
        event(1, "anna", "/a"),
    )
    if is_rolled_up:
        assert rollup.refresh(website, 60)
    body = ask(path="live").json()
    expected = ("Google", "DE") if is_rolled_up else (None, None)
    assert [each["value"] for each in body["sources"] + body["countries"]] == [*expected]


def test_bots_are_left_out(ask, post):
    post(event(1, "robot"), headers=BOT)
    post(event(2, "anna"), headers=BROWSER)
    body = ask(path="live").json()
    assert (body["visitors"], len(body["events"])) == (1, 1)
    assert body["minutes"] == minutes_body(ago_2=(1, 1))


def test_times_are_those_of_a_zone(ask, post):
    post(event(0, "anna"))
    body = ask({"timezone": "Asia/Kathmandu"}, path="live").json()
    assert body["events"][0]["time"] == "2026-03-29T17:48:00+05:45"
    assert body["meta"]["to"] == "2026-03-29T17:49:00+05:45"


def test_at_most_twenty_events_and_ten_rows(ask, post):
    post(*(event(n / 10, f"v{n}", f"/{n:02}") for n in range(25)))
    body = ask(path="live").json()
    assert [each["page"] for each in body["events"]] == [f"/{n:02}" for n in range(20)]
    assert [each["value"] for each in body["pages"]] == [f"/{n:02}" for n in range(10)]
    assert body["visitors"] == 25


@pytest.mark.parametrize(
    "properties",
    [{"name": 5}, {"name": None}, {"name": {"$": 1}}, {"name": ["$x"]}, {"kind": "outbound"}, {}],
)
def test_names_that_are_no_texts(ask, post, properties):
    post(event(0, "anna", eventType="custom", properties=properties))
    [found] = ask(path="live").json()["events"]
    assert found["name"] is None


def test_hostile_texts(ask, post):
    page, name = "/<script>%00'", "\ud83d\ude00'\"; DROP TABLE"
    post(event(0, "é" * 255, page, eventType="custom", properties={"name": name}))
    [found] = ask(path="live").json()["events"]
    assert (found["page"], found["name"]) == (
        page,
        name.encode("utf-16", "surrogatepass").decode("utf-16"),
    )


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("period=7d", {"period": ["Unknown parameter"]}),
        ("timezone=UTC&timezone=UTC", {"timezone": ["Must not be repeated"]}),
        (
            "timezone=x",
            {"timezone": ["Invalid time zone 'x'. Expected an IANA name such as Europe/Berlin"]},
        ),
    ],
)
def test_other_parameters_are_rejected(ask, query, fields):
    assert_refused(ask(query, path="live"), **fields)
