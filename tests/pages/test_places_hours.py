"""The map of countries, and the hours of the week"""

import re
from collections import Counter
from datetime import datetime, timedelta

import pytest
from babel import Locale
from django.test import Client

from config.db import uuid7
from tests.support.events import PATH, event_of
from tests.support.pages import text_of
from tests.support.server import ROOT
from tests.support.shares import token_of_share
from tests.support.statistics import NOW
from websites.models import Goal

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])
PLACE = re.compile(r'class="l(\d)" href="[^"]*#(\w+)" data-text><title>([^<]*)<')
HOUR = re.compile(r'<td class="l(\d)" title="([^"]*)"')


@pytest.fixture(autouse=True)
def _on_a_sunday(clock):
    clock.set(NOW)


@pytest.fixture
def visit(api, website):
    """Store a visit that began some hours ago."""

    def store(number, *, hours_ago=0, **fields):
        at = uuid7.to_ms(NOW - timedelta(hours=hours_ago))
        ids = {"sessionId": f"s{number}", "visitorId": f"v{number}", "timestamp": at}
        assert api.post(PATH, event_of(website, **ids, **fields)).status_code == 201

    return store


def test_the_map_shades_countries_by_their_visitors(browser, website, visit):
    for number, country in enumerate(["DE"] * 25 + ["SG"] * 4 + ["US"]):
        visit(number, location=country)
    visit(99)
    response = browser.get(f"/websites/{website.pk}/", {"places": "map"})
    assert PLACE.findall(response.content.decode()) == [
        ("5", "DE", "Germany: 25"),
        ("2", "SG", "Singapore: 4"),
        ("1", "US", "United States: 1"),
    ]
    text = text_of(response)
    assert "Visitors by country. Most: Germany: 25" in text
    assert "As a table Country Visitors Share Germany" in text
    assert "Unknown" in text


def test_without_known_countries_there_is_no_map(browser, website, visit):
    visit(1)
    text = text_of(browser.get(f"/websites/{website.pk}/", {"places": "map"}))
    assert "Country Visitors Share Unknown \N{MINUS SIGN} 1" in text


def test_the_shapes_of_the_map_are_those_of_countries():
    svg = (ROOT / "analytics/static/pages/world.svg").read_text()
    found = re.findall(r'<(?:path|circle) id="(\w+)"', svg)
    assert len(found) == len(set(found)) > 230
    assert set(found) <= set(Locale("en").territories)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/St_Johns", "Europe/Berlin"])
@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"country": "DE"},
        {"page": "/1"},
        {"page__not": "/1"},
        {"property.plan__known": "false"},
        {"goal": "the goal"},
        {"goal__not": "the goal"},
    ],
)
def test_hours_are_the_sums_of_the_series(api, browser, website, token, visit, zone, filters):
    goal = Goal.objects.create(website=website, name="Sees", kind="page", value="/2")
    filters = {name: value.replace("the goal", str(goal.pk)) for name, value in filters.items()}
    for number in range(40):
        country, page = ("DE", "FR")[number % 2], number % 3
        visit(number, hours_ago=7 * number, location=country, url=f"https://example.com/{page}")
    query = filters | {"from": "2026-03-16", "to": "2026-03-29", "timezone": zone}
    response = browser.get(f"/websites/{website.pk}/hours/", query)
    found = {
        place: int(number)
        for _, text in HOUR.findall(response.content.decode())
        for place, number in [text.rsplit(": ", 1)]
    }
    assert len(found) == 7 * 24
    assert {place: number for place, number in found.items() if number} == summed(
        api.get(
            f"/api/v1/websites/{website.pk}/stats",
            query | {"by": "time", "interval": "hour", "metrics": "sessions"},
            token=token,
        ).json()
    )


def summed(answer):
    """Return the sums of a series by weekday and hour."""
    sums: Counter[str] = Counter()
    for row in answer["rows"]:
        at = datetime.fromisoformat(row["value"])
        sums[f"{at:%A} {at.hour}:00 to {at.hour + 1}:00"] += row["metrics"]["sessions"]
    return +sums


def test_the_busiest_hour_is_told(browser, website, visit):
    for number in range(3):
        visit(number, hours_ago=2)
    visit(9, hours_ago=30)
    text = text_of(browser.get(f"/websites/{website.pk}/hours/"))
    assert "Most sessions began on Sunday 10:00 to 11:00: 3" in text


def test_hours_without_sessions_and_of_a_share(website, browser, visit):
    text = text_of(browser.get(f"/websites/{website.pk}/hours/"))
    assert "No session began" in text
    visit(1)
    shared = Client().get(f"/share/{token_of_share(website)}/hours/")
    assert "Sunday 12:00 to 13:00: 1" in text_of(shared)


def test_hours_explain_a_question_without_sense(browser, website):
    response = browser.get(f"/websites/{website.pk}/hours/", {"period": "x"})
    assert response.status_code == 400
