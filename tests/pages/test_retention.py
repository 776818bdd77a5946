"""The page of retention"""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client

from tests.support.events import BATCH_PATH, event_of
from tests.support.shares import token_of_share
from tests.support.statistics import NOW

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])


@pytest.fixture(autouse=True)
def _now(clock):
    clock.set(NOW)


@pytest.fixture
def path(website):
    return f"/websites/{website.pk}/retention/"


@pytest.fixture
def visits(api, website):
    """Of three new visitors one came a week later, and two in the running week."""
    came = [(14, "a"), (14, "b"), (14, "c"), (7, "a"), (0, "a"), (0, "b")]
    sent = [
        event_of(
            website,
            visitorId=visitor,
            sessionId=f"{visitor}{days}",
            timestamp=int((NOW - timedelta(days=days)).timestamp() * 1000),
        )
        for days, visitor in came
    ]
    assert api.post(BATCH_PATH, {"events": sent}).status_code == 201


def text_of(response):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


@pytest.mark.usefixtures("visits")
def test_each_week_shows_who_came_again(browser, path):
    text = text_of(browser.get(path))
    assert "9 Mar 2026 3 33.3 % 1 66.7 % 2 so far" in text
    assert "16 Mar 2026 0 - 0 so far" in text
    assert "23 Mar 2026 so far 0" in text
    assert "All 3 33.3 % 1 - 0" in text


@pytest.mark.usefixtures("visits")
def test_cells_are_shaded_by_their_rate_and_running_ones_marked(browser, path):
    html = browser.get(path).content.decode()
    cells = re.findall(r'<td class="(shade[^"]*)">([^<]*)', html)
    assert cells == [
        ("shade-5", "33.3 %"),
        ("shade-9 running", "66.7 %"),
        ("shade-0 running", "-"),
        ("shade-5", "33.3 %"),
        ("shade-0", "-"),
    ]


@pytest.mark.usefixtures("visits")
def test_a_share_shows_the_same_table(browser, website, path):
    tables = [
        re.findall("<table.*</table>", client.get(url).content.decode(), re.DOTALL)
        for client, url in (
            (browser, path),
            (Client(), f"/share/{token_of_share(website)}/retention/"),
        )
    ]
    assert tables[0] == tables[1] != []


def test_without_visitors_the_page_says_so(browser, path):
    assert "Nobody came for the first time in these weeks" in text_of(browser.get(path))


@pytest.mark.parametrize("weeks", [1, 8, 26, 53])
@pytest.mark.usefixtures("visits")
def test_the_number_of_weeks_is_chosen_by_a_link(browser, path, weeks):
    response = browser.get(path, {"weeks": weeks})
    assert response.status_code == 200
    assert (f'<a href="?weeks={weeks}" aria-current="true">' in response.content.decode()) == (
        weeks > 1
    )


@pytest.mark.usefixtures("visits")
def test_filters_stay_with_the_number_of_weeks(browser, path):
    response = browser.get(f"{path}?weeks=26&page=/nowhere")
    assert "Nobody who fits came for the first time" in text_of(response)
    response = browser.get(f"{path}?weeks=26&page__not=/nowhere")
    text = text_of(response)
    assert "9 Mar 2026 3 33.3 % 1 66.7 % 2 so far" in text
    assert "Page is not /nowhere" in text
    assert 'href="?page__not=%2Fnowhere&amp;weeks=8"' in response.content.decode()
    added = browser.get(f"{path}?weeks=26&add=country&op=is&value=DE")
    assert added["Location"] == "?weeks=26&country=DE"


@pytest.mark.parametrize("query", ["weeks=0", "weeks=x", "weeks=%00", "weeks=1&weeks=2", "a=b"])
def test_what_makes_no_sense_is_explained(browser, path, query):
    response = browser.get(f"{path}?{query}")
    assert response.status_code == 400
    assert "Show twelve weeks" in text_of(response)


@pytest.mark.parametrize("away", ["analytics_away", "main_database_away"])
def test_without_a_database_the_page_says_so(browser, path, request, away):
    request.getfixturevalue(away)
    response = browser.get(path)
    assert response.status_code == 503
    assert "try again soon" in text_of(response)


def test_for_strangers_there_is_no_such_page(path, make_user):
    stranger = Client()
    stranger.force_login(make_user("stranger@example.com"))
    assert stranger.get(path).status_code == 404
    assert Client().get(path).status_code == 302


@pytest.mark.parametrize("page", ["", "live/", "retention/"])
def test_the_navigation_leads_to_it(browser, website, page):
    html = browser.get(f"/websites/{website.pk}/{page}").content.decode()
    assert f'href="/websites/{website.pk}/retention/"' in html
