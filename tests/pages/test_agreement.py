"""The same numbers on pages, shared pages, in the API and in CSV, for the same range and filters"""

import csv
import re
from datetime import timedelta
from html import unescape
from random import Random

import pytest
from django.test import Client

from analytics.pages.texts import format_metric
from config.db import uuid7
from tests.support.events import BATCH_PATH, event_of
from tests.support.shares import token_of_share
from tests.support.statistics import NOW

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])
CARDS = ("visitors", "sessions", "pageviews", "pagesPerSession", "bounceRate", "sessionDuration")
OF_PAGES = ("visitors", "pageviews", "bounceRate", "timeOnPage", "scrollDepth")
OF_ORIGINS = ("visitors", "sessions", "bounceRate", "sessionDuration")
CARD = re.compile(r'<span class="soft small">[^<]+</span>\s*<b>([^<]+)</b>')
BEFORE = re.compile(r'<span class="soft">from ([^<]+)</span>')
VALUE = re.compile(r'class="value"[^>]* title="([^"]*)"')
NUMBER = re.compile(r'<td class="number"[^>]*>([^<]+?)\s*<')
QUESTIONS = {
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
    first = {"referrer": random.choice(["https://www.google.com/", "https://a.example/", None])}
    for step in range(random.randrange(1, 5)):
        at += random.randrange(100_000)
        fields = {"url": f"https://example.com/{random.randrange(4)}", "timestamp": at}
        yield event_of(website, **shared, **fields, **({} if step else first))
    if random.random() < 0.3:
        named = {"eventType": "custom", "properties": {"name": "sign-up"}, "timestamp": at + 1}
        yield event_of(website, **shared, **named)


@pytest.fixture
def stats(api, website, token):
    """Ask the API; return totals and rows with texts as pages have them."""

    def ask(question, by, metrics):
        query = question | {"by": by, "metrics": ",".join(metrics), "limit": 1000}
        base = f"/api/v1/websites/{website.pk}/stats"
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


def assert_list(read, question, by, metrics, answer, panel):
    """Demand that a list, its panel on the dashboard and its CSV show the rows of the API."""
    body, lines = answer
    expected = expected_rows(body, metrics)
    assert listed(read(f"by/{by}/", question)) == expected
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
