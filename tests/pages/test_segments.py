"""Segments on the dashboard: chosen by a link, kept and deleted by the owner"""

import re
from html import unescape
from urllib.parse import parse_qs

import pytest
from django.test import Client

from tests.support.events import PATH, event_of
from tests.support.shares import token_of_share
from websites.models import Segment

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])


@pytest.fixture
def base(api, website):
    """The path of a dashboard with visitors of two countries."""
    for n, country in enumerate(["DE", "DE", "FR"]):
        event = event_of(website, location=country, visitorId=f"v{n}", sessionId=f"s{n}")
        assert api.post(PATH, event).status_code == 201
    return f"/websites/{website.pk}/"


def text_of(response):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def keep(browser, base, **form):
    form = {"name": "Germans", "query": "country=DE", "back": "period=7d&country=DE"} | form
    return browser.post(f"{base}segments/", form, follow=True)


def link_of(response, name="Germans"):
    """Return the link of a segment."""
    html = response.content.decode()
    [link] = re.findall(rf'<a href="(\?[^"]*)"[^>]*>{name}</a>', html)
    return unescape(link)


def test_the_present_filters_are_kept_and_stay(browser, website, base):
    html = browser.get(f"{base}?country=DE&country=FR&period=7d").content.decode()
    [query] = re.findall(r'name="query" value="([^"]*)"', html)
    assert unescape(query) == "country=DE&country=FR"
    response = keep(browser, base)
    assert response.redirect_chain == [(f"{base}?period=7d&country=DE", 302)]
    assert "Germans is kept" in text_of(response)
    [segment] = Segment.objects.all()
    assert (segment.website, segment.name, segment.query) == (website, "Germans", "country=DE")


def test_a_segment_only_sets_the_filters(browser, base):
    keep(browser, base)
    before = browser.get(f"{base}?period=7d&chart=sessions&country=FR&device__known=true")
    link = link_of(before)
    assert parse_qs(link[1:]) == {"period": ["7d"], "chart": ["sessions"], "country": ["DE"]}
    chosen = browser.get(base + link)
    assert "Visitors 2" in text_of(chosen)
    assert f'href="{link}" aria-current="true"' in unescape(chosen.content.decode())


def test_there_is_nothing_to_keep_without_filters(browser, base):
    assert 'name="query"' not in browser.get(base).content.decode()


def test_the_chosen_segment_is_deleted(browser, base):
    keep(browser, base)
    html = browser.get(f"{base}?country=DE").content.decode()
    [id] = re.findall(r'name="delete" value="([^"]*)"', html)
    response = keep(browser, base, delete=id)
    assert "The segment is deleted" in text_of(response)
    assert not Segment.objects.exists()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"name": ""}, "Segment name is required"),
        ({"query": ""}, "At least one condition is required"),
        ({"query": "period=7d"}, "Unknown parameter"),
        ({"back": "period=x"}, "Show the last 28 days"),
    ],
)
def test_what_is_wrong_is_said(browser, base, change, error):
    assert error in text_of(keep(browser, base, **change))


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "<b>", "%s {{", "a\r\nb", "//evil.example"])
@pytest.mark.parametrize("field", ["name", "query", "back", "delete"])
def test_hostile_texts(browser, base, field, text):
    sent = {"name": "Germans", "query": "country=DE", "back": ""} | {field: text}
    encoded = {name: value.encode("utf-8", "surrogatepass") for name, value in sent.items()}
    response = browser.post(f"{base}segments/", encoded)
    assert response.status_code == 302
    assert response["Location"].startswith(f"{base}?")
    assert browser.get(base).status_code == 200


def test_only_the_owner_keeps_segments(base, make_user, staff_api):
    stranger = Client()
    stranger.force_login(make_user("stranger@example.com"))
    for client in (stranger, staff_api):
        assert keep(client, base).status_code == 404
    assert not Segment.objects.exists()


def test_a_share_shows_no_segments(browser, website, base):
    keep(browser, base)
    shared = Client().get(f"/share/{token_of_share(website)}/")
    assert "Germans" not in text_of(shared)
