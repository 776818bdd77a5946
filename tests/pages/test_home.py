"""The list of websites: the numbers of each are those of the API, whatever is sealed of it"""

import re
from datetime import timedelta
from html import unescape
from random import Random

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from analytics.pages.home import HOME_METRICS, HOME_PERIODS, SUMMED
from analytics.pages.texts import format_metric
from analytics.reports.derived import rollup_runs
from config.db import uuid7
from tests.support.events import BATCH_PATH, PATH, event_of
from tests.support.pages import text_of
from tests.support.statistics import NOW
from websites.models import Website

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])
NUMBER = re.compile(r'<td class="number[^"]*">([^<]+)<br>')
ZONES = ("UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC", "America/Sao_Paulo")


@pytest.fixture
def websites(clock, api, make_website, user, monkeypatch):
    """Websites in several zones: two are sealed, and the last is empty."""
    clock.set(NOW)
    monkeypatch.setattr("analytics.reports.derived.sealing.SESSIONS_OF_HOUR", 1)
    made = [
        make_website(user, f"{n}.example", name=f"Website {n}", timezone=zone)
        for n, zone in enumerate(ZONES)
    ]
    random = Random(11)
    for website in made[:-1]:
        events = [event for number in range(30) for event in session(website, random, number)]
        assert api.post(BATCH_PATH, {"events": events}).status_code == 201
    list(rollup_runs.roll_up_due(rollup_runs.due_websites()))
    assert sum(rollup_runs.seal_all(made[:2]))
    api.post(PATH, event_of(made[1], sessionId="now", visitorId="now"))
    return made


def session(website, random, number):
    """Return the page views of a session of the last weeks, most of them of the last two days."""
    days = random.choice([1, 2, 9])
    at = uuid7.to_ms(NOW - timedelta(minutes=5 + random.randrange(60 * 24 * days)))
    for _ in range(random.randrange(1, 4)):
        who = {"sessionId": f"s{number}", "visitorId": f"v{random.randrange(30)}"}
        yield event_of(website, timestamp=at, url="https://example.com/", **who)
        at += random.randrange(90_000)


def test_numbers_agree_with_those_of_the_api(api, websites, browser, token):
    for period in HOME_PERIODS:
        assert_numbers(api, browser, token, websites, period)


def assert_numbers(api, browser, token, websites, period):
    """Demand that the list shows the numbers of the API, and their sums."""
    html = browser.get("/", {"period": period}).content.decode()
    rows = html.partition("<tbody>")[2].partition("</tbody>")[0].split("<tr>")[1:]
    sums = [0, 0]
    assert len(rows) == len(websites)
    for website, row in zip(Website.objects.owned_by(websites[0].user_id), rows, strict=True):
        query = {"period": period, "compare": "previous", "metrics": ",".join(HOME_METRICS)}
        path = f"/api/v1/websites/{website.pk}/stats"
        totals = api.get(path, query, token=token).json()["totals"]
        expected = [format_metric(name, totals["metrics"][name]) for name in HOME_METRICS]
        assert NUMBER.findall(row)[: len(HOME_METRICS)] == expected
        hours = {"period": "24h", "by": "time", "interval": "hour", "metrics": "pageviews"}
        series = api.get(path, hours, token=token).json()["rows"]
        views = sum(each["metrics"]["pageviews"] for each in series)
        assert f"{views:,} page views in the last 24 hours" in unescape(row)
        assert ("1 now" in row) is (website.pk == websites[1].pk)
        sums = [sum + totals["metrics"][name] for sum, name in zip(sums, SUMMED, strict=True)]
    assert NUMBER.findall(html.partition("<tfoot>")[2]) == [f"{number:,}" for number in sums]


def test_a_list_of_many_websites_asks_no_more_questions(browser, make_website, user):
    def make(count):
        for n in range(count):
            make_website(user, f"{count}-{n}.example")
        browser.get("/")  # applies the rules of new websites
        with CaptureQueriesContext(connections["analytics"]) as statements:
            return text_of(browser.get("/")), len(statements)

    text, few = make(2)
    assert "All websites" in text
    text, many = make(20)
    assert "These 20 websites" in text
    assert "1 to 20 of 22" in text
    assert few == many <= 12


def test_without_the_analytics_database_the_list_stays(browser, website, request):
    request.getfixturevalue("analytics_away")
    text = text_of(browser.get("/"))
    assert "try again soon" in text
    assert "My Website example.com - - -" in text
