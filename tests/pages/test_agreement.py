"""The same numbers on pages, shared pages, in the API and in CSV, for the same range and filters"""

import csv
import re
from datetime import timedelta
from html import unescape
from itertools import dropwhile
from random import Random
from typing import Any

import pytest
from django.test import Client

from analytics.pages.lists import metrics_of
from analytics.pages.panels import PANELS
from analytics.pages.texts import DIMENSIONS, format_metric
from analytics.reports.questions.question import GOAL
from config.db import uuid7
from tests.support.events import BATCH_PATH, PATH, event_of
from tests.support.shares import token_of_share
from tests.support.statistics import NOW
from websites.models import Funnel, Goal

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])
CARDS = ("visitors", "sessions", "pageviews", "pagesPerSession", "bounceRate", "sessionDuration")
OF_PAGES = ("visitors", "pageviews", "bounceRate", "timeOnPage", "scrollDepth")
OF_ORIGINS = ("visitors", "sessions", "bounceRate", "sessionDuration")
CARD = re.compile(r'<span class="soft small">[^<]+</span>\s*<b>([^<]+)</b>')
BEFORE = re.compile(r'<span class="soft">from ([^<]+)</span>')
VALUE = re.compile(r'class="value"[^>]* title="([^"]*)"')
TIME_ROW = re.compile(r'<td class="number">([^<]*)</td><td class="number">([^<]*)</td>')
CELL = re.compile(r'<td class="(?:number|shade[^"]*)">([^<]*)')
PAGE_STEP = {"kind": "page", "value": "/2", "properties": []}
EVENT_STEP = {"kind": "event", "value": "sign-up", "properties": []}
OF_GOALS = ("visitors", "conversions", "conversionRate", "revenue", "averageRevenue")
NUMBER = re.compile(r'<td class="number"[^>]*>([^<]+?)\s*<')
QUESTIONS: dict[str, dict[str, Any]] = {
    "a month": {},
    "a week in another zone": {"period": "7d", "timezone": "Asia/Kathmandu"},
    "days and the time before": {"from": "2026-03-10", "to": "2026-03-20", "compare": "previous"},
    "today and a year before": {"period": "today", "compare": "year"},
    "a page": {"page": "/2", "compare": "previous"},
    "several countries, but a page": {"country": ["DE", "FR"], "page__not": "/1"},
    "unknown sources": {"source__known": "true", "device": "mobile"},
    "an event": {"event": "sign-up"},
    "nothing": {"country": "ZZ"},
}


@pytest.fixture(autouse=True)
def _visits(clock, api, website):
    """Sessions of two months, at random."""
    clock.set(NOW)
    random = Random(7)
    events = [event for number in range(90) for event in session(website, random, number)]
    assert api.post(BATCH_PATH, {"events": events}).status_code == 201


def session(website, random, number):
    """Return the events of a session."""
    at = uuid7.to_ms(NOW - timedelta(minutes=random.randrange(60 * 24 * 60)))
    shared = {
        "sessionId": f"s{number}",
        "visitorId": f"v{random.randrange(50)}",
        "location": random.choice(["DE", "FR", "US"]),
        "deviceType": random.choice(["mobile", "desktop"]),
    }
    shared |= {"browser": random.choice(["Firefox", "Safari"]), "os": random.choice(["iOS", None])}
    first = {"referrer": random.choice(["https://www.google.com/", "https://a.example/", None])}
    query = random.choice(["", "?utm_source=mail&utm_medium=email&utm_campaign=spring"])
    host = random.choice(["example.com", "shop.example.com"])
    for step in range(random.randrange(1, 5)):
        at += random.randrange(100_000)
        fields = {"url": f"https://{host}/{random.randrange(4)}{query}", "timestamp": at}
        yield event_of(website, **shared, **fields, **({} if step else first))
    if random.random() < 0.3:
        properties = {"name": "sign-up", "amount": random.choice(["9.90", 20, None])}
        named = {"eventType": "custom", "properties": properties, "timestamp": at + 1}
        yield event_of(website, **shared, **named)
    if random.random() < 0.3:
        kind = random.choice(["outbound", "download"])
        link = {"kind": kind, "href": f"https://out.example/{random.randrange(3)}"}
        clicked = {"eventType": "click", "properties": link, "timestamp": at + 2}
        yield event_of(website, **shared, **clicked)


@pytest.fixture
def stats(api, website, token):
    """Ask the API; return totals and rows with texts as pages have them."""

    def ask(question, by, metrics):
        query = question | {"by": by, "metrics": ",".join(metrics), "limit": 1000}
        base = f"/api/v1/websites/{website.pk}/stats"
        query = {name: value for name, value in query.items() if value}
        body = api.get(base, query, token=token).json()
        lines = csv.reader(api.get(f"{base}.csv", query, token=token).content.decode().splitlines())
        return body, list(lines)

    return ask


@pytest.fixture
def readers(website, user):
    """Those who read a page below that of the website: its owner, and somebody with a share."""

    def reader(client, base):
        return lambda path, question: client.get(base + path, question).content.decode()

    owner = Client()
    owner.force_login(user)
    return [
        reader(owner, f"/websites/{website.pk}/"),
        reader(Client(), f"/share/{token_of_share(website)}/"),
    ]


def listed(html):
    """Return the texts of the rows of lists, each with its numbers."""
    rows = [row for row in html.split("<tr>") if 'class="value"' in row]
    return [(unescape(VALUE.findall(row)[0]), NUMBER.findall(row)) for row in rows]


def expected_rows(body, metrics):
    return [
        (
            row["label"] or row["value"] or "Unknown",
            [format_metric(name, row["metrics"][name]) for name in metrics],
        )
        for row in body["rows"]
    ]


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_numbers_agree(stats, readers, question):
    totals, _ = stats(question, "page", CARDS)
    pages = stats(question, "page", OF_PAGES)
    sources = stats(question, "source", OF_ORIGINS)
    for read in readers:
        dashboard = read("", question)
        assert_totals(dashboard, totals["totals"])
        assert_list(read, question, "page", OF_PAGES, pages, panel_of(dashboard, "pages"))
        assert_list(read, question, "source", OF_ORIGINS, sources, panel_of(dashboard, "sources"))


def assert_totals(html, totals):
    """Demand that cards show the totals of the API."""
    assert CARD.findall(html) == [format_metric(name, totals["metrics"][name]) for name in CARDS]
    if "previous" in totals:
        before = {format_metric(name, totals["previous"][name]) for name in CARDS}
        assert set(BEFORE.findall(html)) <= before


def assert_list(read, question, by, metrics, answer, panel=None):
    """Demand that a list, its panel on the dashboard and its CSV show the rows of the API."""
    body, lines = answer
    expected = expected_rows(body, metrics)
    assert listed(read(f"by/{by}/", question)) == expected
    if panel is not None:
        shown = [(text, numbers[:1]) for text, numbers in listed(panel)]
        assert shown == [(text, numbers[:1]) for text, numbers in expected[:10]]
    export = read("export.csv", question | {"by": by, "metrics": ",".join(metrics)})
    assert list(csv.reader(export.splitlines())) == lines
    assert [line[2 : 2 + len(metrics)] for line in lines[1:]] == [
        ["" if row["metrics"][name] is None else str(row["metrics"][name]) for name in metrics]
        for row in body["rows"]
    ]


def panel_of(html, name):
    """Return a panel of the dashboard."""
    return html.partition(f'id="{name}"')[2].partition("</section>")[0]


@pytest.mark.parametrize("dimension", sorted(DIMENSIONS.keys() - {GOAL, "page", "source"}))
def test_all_lists_agree(stats, readers, dimension):
    question = QUESTIONS["days and the time before"] | {"device": "mobile"}
    metrics = metrics_of(dimension)
    owner, shared = readers
    answer = stats(question, dimension, metrics)
    assert answer[0]["rows"]
    tabs = [(kind.name, kind.metric) for kind in PANELS if dimension in kind.tabs]
    for panel, metric in tabs:
        html = panel_of(owner("", question | {panel: dimension}), panel)
        body, _ = stats(question, dimension, [metric])
        assert listed(html) == expected_rows({"rows": body["rows"][:10]}, [metric])
    assert_list(owner, question, dimension, metrics, answer)
    assert listed(shared(f"by/{dimension}/", question)) == expected_rows(answer[0], metrics)


@pytest.mark.parametrize(
    ("interval", "metric"), [("day", "visitors"), ("week", "bounceRate"), ("month", "pageviews")]
)
def test_charts_agree(stats, readers, interval, metric):
    question = {"period": "28d", "compare": "previous", "country": "DE", "interval": interval}
    body, lines = stats(question, "time", CARDS)
    for read in readers:
        html = read("", question | {"chart": metric}).partition("<figure>")[2]
        assert TIME_ROW.findall(html.partition("</table>")[0]) == [
            tuple(format_metric(metric, row[when][metric]) for when in ("metrics", "previous"))
            for row in body["rows"]
        ]
        query = question | {"by": "time", "metrics": ",".join(CARDS)}
        assert list(csv.reader(read("export.csv", query).splitlines())) == lines


FILTERS = [{}, {"country": "DE", "page__not": "/1"}, {"source": "Google", "compare": "previous"}]


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_goals_agree(stats, readers, website, filters):
    for name, step in (
        ("Seen", PAGE_STEP),
        ("Signed up", EVENT_STEP | {"revenue_property": "amount"}),
    ):
        Goal.objects.create(website=website, name=name, **step)
    question = {"period": "90d"} | filters
    body, lines = stats(question, "goal", OF_GOALS)
    expected = [
        [format_metric(name, row["metrics"][name]) for name in OF_GOALS] for row in body["rows"]
    ]
    assert expected[0][0] > "0"
    for read in readers:
        html = read("goals/", question)
        assert [NUMBER.findall(row)[:5] for row in rows_of(html)] == expected
        assert list(csv.reader(read(csv_link_of(html), {}).splitlines())) == lines


@pytest.mark.parametrize("filters", FILTERS, ids=str)
@pytest.mark.parametrize("scope", ["session", "visitor"])
def test_funnels_agree(api, readers, website, token, filters, scope):
    funnel = Funnel.objects.create(
        website=website,
        name="Sign-up",
        steps=[PAGE_STEP | {"value": "/**"}, PAGE_STEP, EVENT_STEP],
        scope=scope,
        window_days=7 if scope == "visitor" else None,
    )
    question = {"period": "28d"} | filters
    path = f"/api/v1/websites/{website.pk}/funnels/{funnel.pk}/stats"
    body = api.get(path, question, token=token).json()
    text = api.get(f"{path}.csv", question, token=token).content.decode()
    names = [
        name for name in body["rows"][0]["metrics"] if scope == "session" or name != "sessions"
    ]
    expected = [
        [format_metric(name, row["metrics"][name]) for name in names] for row in body["rows"]
    ]
    assert body["totals"]["metrics"]["started"]
    for read in readers:
        html = read(f"funnels/{funnel.pk}/", question)
        assert [NUMBER.findall(row) for row in rows_of(html)] == expected
        assert read(csv_link_of(html), {}) == text


@pytest.mark.parametrize("filters", [{}, {"country": "DE"}, {"source": "Google"}], ids=str)
def test_retention_agrees(api, readers, website, token, filters):
    body = api.get(f"/api/v1/websites/{website.pk}/retention", filters, token=token).json()
    rows = list(dropwhile(lambda row: not row["metrics"]["visitors"], body["rows"]))
    expected = [
        [str(row["metrics"]["visitors"]), *(rate_text(week["metrics"]) for week in row["weeks"])]
        for row in rows
    ]
    assert len(expected) > 4
    for read in readers:
        html = read("retention/", filters)
        assert [CELL.findall(row) for row in rows_of(html)] == expected


def rate_text(metrics):
    return "-" if metrics["retentionRate"] is None else f"{metrics['retentionRate']:.1f} %"


def test_who_is_there_now_agrees(api, readers, website, token, browser):
    api.post(PATH, event_of(website, visitorId="now", sessionId="now"))
    body = api.get(f"/api/v1/websites/{website.pk}/live", token=token).json()
    count = body["visitors"]
    assert count
    for read in readers:
        assert f"{count}</b> visitor" in read("live/", {})
        assert f"{count} now" in read("", {})
    assert f"{count} now" in browser.get("/").content.decode()


def rows_of(html):
    """Return the rows of the first table."""
    body = html.partition("<tbody>")[2].partition("</tbody>")[0]
    return body.split("<tr>")[1:]


def csv_link_of(html):
    """Return the link to a page as a file, below the path of the website."""
    [link] = re.findall(r'href="([^"]*export\.csv[^"]*)"', html)
    return unescape(link).split("/", 3)[3]
