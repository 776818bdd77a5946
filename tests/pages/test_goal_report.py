"""The page of a goal: who reached it, by the dimensions of sessions"""

import csv
import re
from html import unescape

import pytest
from django.test import Client

from tests.support.events import PATH, event_of
from tests.support.pages import text_of
from tests.support.shares import token_of_share
from tests.support.statistics import DATABASES
from websites import tokens
from websites.models import Goal

pytestmark = pytest.mark.django_db(databases=DATABASES)
HOSTILE = "<script>alert(1)</script>\"'&{{ x }}"


@pytest.fixture
def goal(website):
    return Goal.objects.create(website=website, name="Bought", kind="event", value="buy")


@pytest.fixture
def page(website, goal):
    return f"/websites/{website.pk}/goals/{goal.pk}/"


@pytest.fixture
def visits(api, website):
    """Three visitors from Google, of whom one buys twice, and one who comes directly and buys."""
    google = "https://www.google.com/"
    for n, (country, referrer, buys) in enumerate(
        [("DE", google, 2), ("DE", google, 0), ("FR", google, 0), ("FR", None, 1)]
    ):
        who = {"sessionId": f"s{n}", "visitorId": f"v{n}", "location": country}
        url = f"https://example.com/{n % 2}"
        sent = [event_of(website, **who, url=url, **({"referrer": referrer} if referrer else {}))]
        buy = {"eventType": "custom", "properties": {"name": "buy"}}
        sent += [event_of(website, **who, url=url, **buy)] * buys
        for each in sent:
            assert api.post(PATH, each).status_code == 201


def rows_of(response):
    """Return the cells of the list."""
    html = response.content.decode()
    rows = re.findall(r'<tr>\s*<td class="bar">(.*?)</tr>', html, re.DOTALL)
    return [
        unescape(re.sub(r"<[^>]+>", " ", row)).replace("\N{MINUS SIGN}", "").split() for row in rows
    ]


def test_conversions_by_source(browser, page, visits):
    response = browser.get(page)
    assert "Bought" in text_of(response)
    assert "Visitors 2 Conversions 3 Conversion rate 50.0 %" in text_of(response)
    assert rows_of(response) == [
        ["Direct", "1", "1", "100.0", "%"],
        ["Google", "1", "2", "33.3", "%"],
    ]
    assert [row[0] for row in rows_of(browser.get(f"{page}?sort=-conversions"))] == [
        "Google",
        "Direct",
    ]
    assert [row[0] for row in rows_of(browser.get(f"{page}?sort=conversionRate"))] == [
        *("Google", "Direct")
    ]


def test_the_page_shows_what_statistics_answer(api, browser, website, goal, page, visits):
    export = f"/websites/{website.pk}/export.csv"
    for by in ("source", "entryPage", "country", "device"):
        response = browser.get(f"{page}?by={by}&country=DE&country=FR&goal={website.pk}")
        [link] = re.findall(rf'href="({export}[^"]*)"', response.content.decode())
        answer = api.get(
            f"/api/v1/websites/{website.pk}/stats",
            {
                "by": by,
                "goal": str(goal.pk),
                "metrics": "visitors,conversions,conversionRate",
                "country": ["DE", "FR"],
            },
            token=tokens.issue(website.user).access,
        ).json()
        metrics = [list(row["metrics"].values()) for row in answer["rows"]]
        assert [
            [int(v), int(c), float(r)] for _, v, c, r, _ in map(tail, rows_of(response))
        ] == metrics
        exported = list(csv.reader(browser.get(unescape(link)).content.decode().splitlines()))
        assert [[float(cell) for cell in row[2:]] for row in exported[1:]] == metrics
        assert metrics


def tail(row):
    """Return a value as one text, and its numbers."""
    return [" ".join(row[:-4]), *row[-4:]]


def test_a_row_filters_and_stays(browser, page, visits):
    html = browser.get(f"{page}?by=country&period=7d").content.decode()
    [link] = re.findall(r'class="value" href="([^"]*country=FR)"', html)
    filtered = browser.get(page + unescape(link))
    assert "Country is France" in text_of(filtered)
    assert [row[0] for row in rows_of(filtered)] == ["France"]
    assert "Visitors 1 Conversions 1 Conversion rate 50.0 %" in text_of(filtered)
    assert "Goal is" not in text_of(filtered)
    [dashboard] = re.findall(r'href="([^"]*)">Their dashboard', filtered.content.decode())
    text = text_of(browser.get(unescape(dashboard)))
    assert "Country is France" in text
    assert "Goal is Bought" in text
    assert "Visitors 1" in text


def test_revenue_is_shown_where_the_goal_knows_it(api, browser, website, goal, page):
    goal.revenue_property = "amount"
    goal.save()
    buy = {"eventType": "custom", "properties": {"name": "buy", "amount": 12.5}}
    api.post(PATH, event_of(website, **buy))
    assert rows_of(browser.get(page)) == [["Direct", "1", "1", "100.0", "%", "12.50", "12.50"]]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("period=x", "period: "),
        ("sort=x", "sort: Unknown metric"),
        ("offset=-1", "offset:"),
        ("period=all&from=2026-01-01", "period: Excludes from and to"),
        ("from=2024-01-01&to=2026-01-01", "A filtered range may have at most 400 days"),
        ("country__nope=DE", "Unknown operator"),
    ],
)
def test_what_is_wrong_is_said(browser, page, query, error):
    response = browser.get(f"{page}?{query}")
    assert response.status_code == 400
    assert error in text_of(response)


@pytest.mark.parametrize("by", ["", "x", "goal", "time", "page", "property.x", "%00", "%FF"])
def test_there_is_no_page_for_what_sessions_have_not(browser, page, by):
    assert browser.get(f"{page}?by={by}").status_code == 404


def test_guests_see_it_without_a_way_to_change_it(api, website, goal, visits, make_website, user):
    base = f"/share/{token_of_share(website)}/goals/"
    response = Client().get(f"{base}{goal.pk}/")
    assert rows_of(response)[0][0] == "Direct"
    assert "Change" not in text_of(response)
    other = make_website(user, "other.example")
    secret = Goal.objects.create(website=other, name="Secret", kind="page", value="/")
    assert Client().get(f"{base}{secret.pk}/").status_code == 404
    assert Client().get(f"{base}{goal.pk}/edit/").status_code == 404


def test_hostile_texts_stay_texts(api, browser, website):
    goal = Goal.objects.create(website=website, name=HOSTILE, kind="event", value=HOSTILE)
    referrer = {"referrer": "https://x.example/<script>alert(1)</script>"}
    api.post(PATH, event_of(website, **referrer))
    named = {"eventType": "custom", "properties": {"name": HOSTILE}}
    api.post(PATH, event_of(website, **named))
    page = f"/websites/{website.pk}/goals/{goal.pk}/"
    html = browser.get(f"{page}?by=referrer&search={HOSTILE[:20]}").content.decode()
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html
