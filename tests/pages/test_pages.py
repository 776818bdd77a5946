"""Pages for people: who sees what, and what they show"""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from tests.support.accounts import PASSWORD
from tests.support.events import PATH, event_of
from tests.support.pages import one_of_each, text_of
from tests.support.server import ROOT
from websites.models import User, Website

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

HOSTILE = "<script>alert(1)</script>\"'&{{ x }}"


@pytest.fixture
def base(website):
    return f"/websites/{website.pk}/"


def visit(api, website, **changes):
    changes = {"url": "https://example.com/", "sessionId": "s1", "visitorId": "v1"} | changes
    assert api.post(PATH, event_of(website, **changes)).status_code == 201


# Who sees what


def test_a_stranger_reads_what_this_is():
    response = Client().get("/")
    assert response.status_code == 200
    assert "Create an account" in text_of(response)


@pytest.mark.parametrize("page", ["", "live/", "settings/", "by/page/", "export.csv"])
def test_who_is_not_logged_in_is_asked_to_log_in(base, page):
    response = Client().get(base + page)
    assert response.status_code == 302
    assert response["Location"] == f"/accounts/login/?next={base}{page}"


@pytest.mark.parametrize("page", ["", "live/", "now/", "settings/", "by/page/", "first-event/"])
def test_for_strangers_there_is_no_such_website(base, make_user, page):
    stranger = Client()
    stranger.force_login(make_user("stranger@example.com"))
    response = stranger.get(base + page)
    assert response.status_code == 404
    assert "There is no such page" in text_of(response)


def test_staff_look_at_a_website_and_do_not_change_it(base, staff_api):
    assert staff_api.get(base).status_code == 200
    assert staff_api.get(f"{base}settings/").status_code == 404
    assert staff_api.post(f"{base}change/", {"action": "pause"}).status_code == 404


@pytest.mark.parametrize("is_shown", [True, False])
def test_pages_link_the_description_of_the_api_while_it_is_shown(browser, settings, is_shown):
    settings.API_DOCS = is_shown
    for client in (browser, Client()):
        assert ('href="/api/docs/"' in client.get("/").content.decode()) is is_shown


@pytest.mark.parametrize("path", ["/", "/websites/{}/", "/websites/{}/settings/"])
def test_no_page_runs_scripts_of_its_own(browser, website, path):
    response = browser.get(path.format(website.pk))
    policy = response["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    html = response.content.decode()
    assert re.search(r"<script(?![^>]* src=)|\son\w+=|\sstyle=", html) is None


def test_the_style_sheet_stays_small():
    assert (ROOT / "analytics/static/pages/pages.css").stat().st_size < 12_000


def test_a_missing_slash_redirects(browser, base):
    response = browser.get(base.rstrip("/"))
    assert (response.status_code, response["Location"]) == (301, base)


# The list of websites


def test_the_list_shows_todays_numbers(api, browser, website):
    visit(api, website)
    text = text_of(browser.get("/"))
    assert "My Website example.com 1 now 1 new 1 new 100.0 %" in text


def test_a_website_is_added_and_shows_its_line(browser, user):
    response = browser.post("/", {"name": "Shop", "domain": "shop.example"}, follow=True)
    website = Website.objects.get()
    assert response.redirect_chain == [(f"/websites/{website.pk}/settings/", 302)]
    assert f'data-tracking-code="{website.tracking_code}"' in unescape(response.content.decode())
    assert "Waiting for the first event" in text_of(response)


@pytest.mark.parametrize(
    ("name", "domain", "error"),
    [
        ("", "a.example", "Website name is required"),
        ("Shop", "", "Domain is required"),
        ("Shop", "no domain", "Invalid domain URL"),
        ("Shop", "example.com", "This domain is already registered for your account"),
    ],
)
def test_what_cannot_be_added_is_said(browser, website, name, domain, error):
    response = browser.post("/", {"name": name, "domain": domain})
    assert response.status_code == 400
    assert error in text_of(response)
    assert Website.objects.count() == 1


# The dashboard


def test_before_the_first_event_the_line_is_shown(browser, base):
    text = text_of(browser.get(base))
    assert "No event has come yet" in text
    assert "Waiting for the first event" in text


def test_the_dashboard_shows_an_event_at_once(api, browser, website, base):
    visit(api, website, url="https://example.com/a", referrer="https://www.google.com/")
    text = text_of(browser.get(base))
    assert "Visitors 1" in text
    assert "/a \N{MINUS SIGN} 1" in text
    assert "Google \N{MINUS SIGN} 1" in text


def test_numbers_are_those_of_the_api(api, browser, website, base, token):
    for n in range(5):
        visit(api, website, visitorId=f"v{n % 3}", sessionId=f"s{n}", url=f"https://a.b/{n % 2}")
    found = api.get(f"/api/v1/websites/{website.pk}/stats", {"by": "page"}, token=token).json()
    assert [row["metrics"]["visitors"] for row in found["rows"]] == [3, 2]
    text = text_of(browser.get(base))
    assert "Visitors 3" in text
    assert "/0 \N{MINUS SIGN} 3" in text
    assert "/1 \N{MINUS SIGN} 2" in text
    csv = browser.get(f"{base}export.csv", {"by": "page", "metrics": "visitors"})
    assert csv.content.decode().splitlines()[1:] == ["/0,/0,3", "/1,/1,2"]


def test_numbers_that_are_behind_are_told(api, browser, website, base, clock, monkeypatch):
    visit(api, website)
    clock.move(minutes=5)
    monkeypatch.setattr("analytics.reports.derived.rollup.refresh", lambda website, seconds: False)
    assert "Statistics are being brought up to date; these are as of" in text_of(browser.get(base))
    monkeypatch.undo()
    assert "brought up to date" not in text_of(browser.get(base))


def test_a_click_filters_and_a_chip_removes_the_filter(api, browser, website, base):
    visit(api, website, url="https://example.com/a")
    visit(api, website, url="https://example.com/b", sessionId="s2", visitorId="v2")
    html = browser.get(base).content.decode()
    [link] = {
        unescape(each) for each in re.findall(r'href="(\?page=[^"]*)"', html) if "%2Fa" in each
    }
    filtered = browser.get(base + link)
    assert "Page is /a" in text_of(filtered)
    assert "Visitors 1" in text_of(filtered)
    html = filtered.content.decode()
    [remove] = re.findall(r'href="([^"]*)" aria-label="Remove: Page is /a"', html)
    assert "page" not in parse_qs(urlsplit(unescape(remove)).query)


def test_the_form_of_filters_leads_to_a_link(browser, base):
    form = {"period": "7d", "add": "country", "op": "not", "value": "DE"}
    response = browser.get(base, form)
    assert (response.status_code, response["Location"]) == (302, "?period=7d&country__not=DE")


def test_every_link_of_the_dashboard_opens(api, browser, website, base):
    visit(api, website, url="https://example.com/a", referrer="https://www.google.com/")
    visit(api, website, eventType="custom", properties={"name": "sign-up"})
    for start in (base, f"{base}?interval=week&country__known=false", f"{base}by/page/?search=a"):
        html = browser.get(start).content.decode()
        found = {unescape(each) for each in re.findall(r'href="((?:\?|/websites/)[^"]*)"', html)}
        links = [link if link.startswith("/") else start.partition("?")[0] + link for link in found]
        assert len(links) > 15
        links = links if start == base else one_of_each(links)
        failed = {
            link: status for link in links if (status := browser.get(link).status_code) != 200
        }
        assert failed == {}


def test_the_chart_has_the_interval_of_the_link(api, browser, website, base):
    visit(api, website)
    weeks = text_of(browser.get(base, {"interval": "week", "period": "90d"}))
    assert "Week of" in weeks
    assert browser.get(base, {"interval": "minute", "period": "year"}).status_code == 400


@pytest.mark.parametrize(
    "query", ["period=x", "from=2026-01-02&to=2026-01-01", "nonsense=1", "country__x=1", "limit=0"]
)
def test_a_question_without_sense_is_explained(api, browser, website, base, query):
    visit(api, website)
    response = browser.get(f"{base}?{query}")
    assert response.status_code == 400
    assert "Show the last 28 days" in text_of(response)


def test_hostile_texts_are_texts(api, browser, website, base):
    visit(api, website, url="https://example.com/<script>alert(1)</script>")
    visit(
        api, website, eventType="custom", properties={"name": HOSTILE}, referrer="https://x.y/?<b>"
    )
    for page in ("", "by/event/", "by/page/", "live/"):
        html = browser.get(base + page).content.decode()
        assert "<script>alert" not in html
    assert HOSTILE in text_of(browser.get(f"{base}by/event/")) or "alert(1)" in html


@pytest.mark.parametrize("page", ["", "by/page/", "live/", "export.csv"])
def test_without_the_analytics_database_a_page_says_so(browser, base, page, request):
    request.getfixturevalue("analytics_away")
    response = browser.get(base + page)
    assert response.status_code == 503
    assert "try again soon" in text_of(response)


def test_a_list_is_searched_and_paged(api, browser, website, base):
    for n in range(3):
        visit(api, website, url=f"https://example.com/article/{n}")
    text = text_of(browser.get(f"{base}by/page/", {"search": "ARTICLE/1"}))
    assert "1 to 1 of 1" in text
    assert "/article/1" in text
    assert "/article/2" not in text
    assert browser.get(f"{base}by/nothing/").status_code == 404


# Settings


def settings_form(**changes):
    return {
        "timezone": "Europe/Berlin",
        "allowedHosts": "example.com\n*.example.com\n",
        "ignoredNetworks": "192.0.2.0/24",
        "queryKeys": "id",
        "patterns": "/user/*",
        "trailingSlash": "remove",
    } | changes


def test_settings_are_saved_by_the_rules_of_the_api(browser, website, base):
    response = browser.post(f"{base}settings/", settings_form(), follow=True)
    assert "Saved" in text_of(response)
    website.refresh_from_db()
    assert website.timezone == "Europe/Berlin"
    assert website.allowed_hosts == ["example.com", "*.example.com"]
    assert website.page_rules["patterns"] == ["/user/*"]


def test_what_is_wrong_with_a_setting_stands_beside_it(browser, website, base):
    response = browser.post(f"{base}settings/", settings_form(allowedHosts="no host"))
    assert response.status_code == 400
    assert "Invalid host 'no host'" in text_of(response)
    website.refresh_from_db()
    assert website.allowed_hosts == []


def test_a_website_is_paused_renewed_and_deleted(browser, website, base):
    code = website.tracking_code
    browser.post(f"{base}change/", {"action": "pause"})
    browser.post(f"{base}change/", {"action": "rotate"})
    website.refresh_from_db()
    assert not website.is_active
    assert website.tracking_code != code
    browser.post(f"{base}change/", {"action": "delete", "name": "another"})
    assert Website.objects.exists()
    browser.post(f"{base}change/", {"action": "delete", "name": website.name})
    assert not Website.objects.exists()


# Accounts


def test_somebody_registers_and_is_logged_in():
    client = Client()
    form = {"email": "new@example.com", "password": PASSWORD}
    response = client.post("/accounts/register/", form, follow=True)
    assert response.redirect_chain == [("/", 302)]
    assert "Add a website" in text_of(response)
    assert User.objects.filter(email="new@example.com").exists()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"email": "x"}, "Invalid email address"),
        ({"password": "short"}, "Password must be at least 8 characters"),
        ({"email": "user@example.com"}, "Email already registered"),
    ],
)
def test_what_is_wrong_with_an_account_is_said(user, change, error):
    form = {"email": "new@example.com", "password": PASSWORD} | change
    response = Client().post("/accounts/register/", form)
    assert response.status_code == 400
    assert error in text_of(response)
    assert User.objects.count() == 1
