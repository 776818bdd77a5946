"""Hostile and broken input to pages: an explanation, never a crash"""

import pytest
from django.test import Client

from websites.models import User, Website

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])
TEXTS = ["a\0b", "\ud800", "x" * 100_000, "<b>", "%s {} {{", "\u202e"]


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
@pytest.mark.parametrize("field", ["name", "domain"])
def test_a_website_to_be(browser, field, text):
    form = {"name": "Shop", "domain": "shop.example"} | {field: text}
    response = browser.post("/", {name: encoded(value) for name, value in form.items()})
    assert response.status_code in (302, 400)
    assert Website.objects.filter(name__contains="a\ufffd").count() == 0


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
@pytest.mark.parametrize("field", ["email", "password"])
def test_an_account_to_be(field, text):
    form = {"email": "a@b.example", "password": "SecurePass123"} | {field: text}
    response = Client().post("/accounts/register/", {k: encoded(v) for k, v in form.items()})
    assert response.status_code in (302, 400)
    assert User.objects.count() <= 1


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
@pytest.mark.parametrize(
    "field", ["timezone", "allowedHosts", "patterns", "trailingSlash", "queryKeys"]
)
def test_settings(browser, website, field, text):
    form = {"timezone": "UTC", "trailingSlash": "keep"} | {field: text}
    path = f"/websites/{website.pk}/settings/"
    response = browser.post(path, {name: encoded(value) for name, value in form.items()})
    assert response.status_code in (302, 400)
    assert browser.get(f"/websites/{website.pk}/").status_code == 200


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
@pytest.mark.parametrize(
    "name", ["page", "search", "period", "chart", "pages", "interval", "list", "add", "offset"]
)
@pytest.mark.parametrize("page", ["", "by/page/", "export.csv"])
def test_parameters(browser, website, page, name, text):
    response = browser.get(f"/websites/{website.pk}/{page}", {name: encoded(text)})
    assert response.status_code in (200, 302, 400)


@pytest.mark.parametrize(
    "page", ["", "by/page/", "export.csv", "live/", "settings/", "now/", "first-event/"]
)
def test_without_the_analytics_database(browser, website, page, request):
    request.getfixturevalue("analytics_away")
    response = browser.get(f"/websites/{website.pk}/{page}")
    assert response.status_code == 503
    assert "try again soon" in response.content.decode()


@pytest.mark.parametrize("page", ["", "by/page/", "hours/", "goals/", "retention/"])
def test_a_page_without_numbers_offers_to_try_again(browser, website, page, analytics_away):
    path = f"/websites/{website.pk}/{page}?country=DE"
    html = browser.get(path).content.decode()
    assert f'<a href="{path}">Try again</a>' in html
    assert "now</a>" not in html


@pytest.mark.parametrize(
    "page", ["", "by/page/", "export.csv", "live/", "settings/", "now/", "first-event/"]
)
def test_without_the_main_database(browser, website, page, request):
    request.getfixturevalue("main_database_away")
    response = browser.get(f"/websites/{website.pk}/{page}")
    assert response.status_code == 503
    assert "try again soon" in response.content.decode()


def encoded(text):
    """Return a text as a browser that allows everything would send it."""
    return text.encode("utf-8", "surrogatepass")
