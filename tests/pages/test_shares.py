"""Shared dashboards: read-only, of one website, until they are revoked"""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from html import unescape
from urllib.parse import urljoin

import pytest
from django.db import connections, transaction
from django.test import Client

from tests.support.events import PATH, event_of
from tests.support.pages import one_of_each
from tests.support.shares import token_of_share
from websites.models import Funnel, Goal, Share

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])
PAGES = ["", "live/", "now/", "by/page/", "hours/", "export.csv", "retention/"]
LINKS = re.compile(r"""\s(?:href|src|action|hx-get|data-exclude|data-copy)="([^"]*)\"""")


@pytest.fixture
def base(website):
    """The path of a shared dashboard."""
    return f"/share/{token_of_share(website)}/"


@pytest.fixture
def other(make_website, user):
    """Another website of the same owner."""
    return make_website(user, "secret.example", name="Secret Shop")


def visit(api, website, **changes):
    changes = {"sessionId": "s1", "visitorId": "v1"} | changes
    assert api.post(PATH, event_of(website, **changes)).status_code == 201


def text_of(response):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def define(website, name):
    """Make a goal and a funnel of a website."""
    step = {"kind": "page", "value": "/a", "properties": []}
    Goal.objects.create(website=website, name=name, **step)
    Funnel.objects.create(website=website, name=name, steps=[step, step])


def links_of(url, response):
    """Return all that a page leads to."""
    if not response["Content-Type"].startswith("text/html"):
        return set()
    links = {urljoin(url, unescape(link)) for link in LINKS.findall(response.content.decode())}
    return {link.partition("#")[0] for link in links if not link.startswith("/static/")}


def test_a_stranger_sees_the_dashboard_of_a_share(api, website, base):
    visit(api, website, url="https://example.com/a", referrer="https://www.google.com/")
    text = text_of(Client().get(base))
    assert "Visitors 1" in text
    assert "/a \N{MINUS SIGN} 1" in text
    assert "Google \N{MINUS SIGN} 1" in text


def test_every_link_of_a_share_stays_with_its_website(api, website, base, other):
    visit(api, website, url="https://example.com/a", referrer="https://www.google.com/")
    visit(api, website, eventType="custom", properties={"name": "sign-up"})
    visit(api, other, url="https://secret.example/secret", sessionId="s2", visitorId="v2")
    define(website, "Sign-up")
    define(other, "Secret goal")
    stranger = Client()
    pages = [base, f"{base}goals/", f"{base}funnels/"]
    links = one_of_each({link for url in pages for link in links_of(url, stranger.get(url))})
    assert f"{base}funnels/{website.funnels.get().pk}/" in links
    for url in links:
        response = stranger.get(url)
        assert response.status_code == 200, url
        assert "secret" not in response.content.decode().lower(), url
        assert {link for link in links_of(url, response) if not link.startswith(base)} == set()
    kinds = {link.removeprefix(base).partition("?")[0] for link in links}
    assert kinds > {"", "live/", "now/", "retention/", "by/page/", "by/event/", "export.csv"}


def test_a_funnel_of_another_website_is_no_page(base, website, other):
    define(website, "Sign-up")
    define(other, "Secret goal")
    assert Client().get(f"{base}funnels/{website.funnels.get().pk}/").status_code == 200
    assert Client().get(f"{base}funnels/{other.funnels.get().pk}/").status_code == 404


def test_nothing_of_its_owner_is_shown(api, website, base, browser, user):
    visit(api, website)
    for client in (Client(), browser):
        for page in PAGES:
            html = client.get(base + page).content.decode()
            for secret in (user.email, website.tracking_code, str(website.pk), "ettings", "<form "):
                assert secret not in html or (secret == "<form " and 'method="post"' not in html)


def test_before_the_first_event_no_tracking_code_is_shown(website, base):
    response = Client().get(base)
    assert "No event has come yet" in text_of(response)
    assert website.tracking_code not in response.content.decode()


@pytest.mark.parametrize("page", PAGES)
def test_search_engines_and_other_sites_learn_nothing(base, page):
    response = Client().get(base + page)
    assert response["X-Robots-Tag"] == "noindex"
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["Cache-Control"] == "private, no-store"
    if page in ("", "live/", "by/page/"):
        assert '<meta name="robots" content="noindex">' in response.content.decode()


@pytest.mark.parametrize("page", ["", "live/", "by/page/"])
def test_pages_of_the_owner_may_be_referrers(browser, website, page):
    response = browser.get(f"/websites/{website.pk}/{page}")
    assert "X-Robots-Tag" not in response
    assert response["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("page", ["settings/", "change/", "shares/", "first-event/"])
def test_what_is_for_the_owner_is_not_shared(browser, base, page):
    for client in (Client(), browser):
        assert client.get(base + page).status_code == 404
        assert client.post(base + page, {"action": "pause"}).status_code == 404


@pytest.mark.parametrize("page", PAGES)
def test_nothing_can_be_posted_to_a_share(base, page):
    assert Client().post(base + page).status_code == 405


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("token", ["x", "%00", "%FF", "A" * 43, "A" * 5000, "..", "%2e%2e"])
def test_an_unknown_share_is_no_page(page, token):
    response = Client().get(f"/share/{token}/{page}")
    assert response.status_code in (404, 301)
    assert token == ".." or "There is no such page" in text_of(response)


def test_a_missing_slash_redirects(base):
    response = Client().get(base.rstrip("/"))
    assert (response.status_code, response["Location"]) == (301, base)


@pytest.mark.parametrize("page", PAGES)
def test_a_revoked_share_ends_at_once(browser, website, base, page):
    stranger = Client()
    assert stranger.get(base + page).status_code == 200
    revoke(browser, website)
    for client in (stranger, browser):
        response = client.get(base + page)
        assert response.status_code == 404
        assert website.name not in text_of(response)


def test_the_other_shares_stay(browser, website, base):
    still = token_of_share(website, "Customer")
    revoke(browser, website)
    assert Client().get(base).status_code == 404
    assert Client().get(f"/share/{still}/").status_code == 200


@pytest.mark.parametrize("page", PAGES)
def test_the_shares_of_a_disabled_account_end(user, base, page):
    user.is_active = False
    user.save()
    assert Client().get(base + page).status_code == 404


def test_numbers_are_those_of_the_owner(api, browser, website, base):
    for n in range(5):
        visit(api, website, visitorId=f"v{n % 3}", sessionId=f"s{n}", url=f"https://a.b/{n % 2}")
    query = {"by": "page", "metrics": "visitors,pageviews", "page": "/0"}
    own = browser.get(f"/websites/{website.pk}/export.csv", query)
    assert Client().get(f"{base}export.csv", query).content == own.content
    assert "/0,/0,3,3" in own.content.decode()


@pytest.mark.parametrize("page", ["", "live/", "by/page/", "hours/", "export.csv"])
def test_without_the_analytics_database_a_shared_page_says_so(base, page, request):
    request.getfixturevalue("analytics_away")
    response = Client().get(base + page)
    assert response.status_code == 503
    assert "try again soon" in text_of(response)


def test_without_the_main_database_a_shared_page_says_so(base, request):
    request.getfixturevalue("main_database_away")
    response = Client().get(base)
    assert response.status_code == 503
    assert "try again soon" in text_of(response)


def test_settings_show_the_last_use(browser, website, base, clock):
    settings = f"/websites/{website.pk}/settings/"
    assert "Agency" in text_of(browser.get(settings))
    assert "Never" in text_of(browser.get(settings))
    website.change(timezone="Asia/Kathmandu")
    clock.set(datetime(2026, 3, 1, 20, 0, tzinfo=UTC))
    Client().get(f"{base}live/")
    clock.move(minutes=30)
    Client().get(base)
    browser.force_login(website.user)
    assert "2 Mar 2026, 01:45" in text_of(browser.get(settings))


def test_a_use_that_cannot_be_stored_hurts_no_page(website, base):
    with connections["default"].cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET TRANSACTION READ ONLY")
    assert Client().get(base).status_code == 200
    assert Share.objects.get().last_used_at is None


@pytest.mark.django_db(databases=["default", "analytics"], transaction=True)
def test_no_page_waits_for_a_share_that_is_locked(website, base):
    with transaction.atomic(using="default"), ThreadPoolExecutor(1) as thread:
        Share.objects.select_for_update().get()
        thread.submit(ask_and_disconnect, base).result()
    assert Share.objects.get().last_used_at is None
    Client().get(base)
    assert Share.objects.get().last_used_at is not None


def ask_and_disconnect(path):
    try:
        assert Client().get(path).status_code == 200
    finally:
        connections.close_all()


# Made and revoked by the owner


def make(browser, website, **form):
    return browser.post(f"/websites/{website.pk}/shares/", {"name": "Agency"} | form)


def revoke(browser, website, name="Agency"):
    share = Share.objects.get(name=name)
    return browser.post(f"/websites/{website.pk}/shares/", {"revoke": str(share.pk)}, follow=True)


def test_the_owner_makes_a_link_which_is_shown_once(browser, website):
    response = make(browser, website)
    [link] = re.findall(r"http://testserver(/share/[\w-]{43}/)</code>", response.content.decode())
    assert Client().get(link).status_code == 200
    settings = browser.get(f"/websites/{website.pk}/settings/")
    assert "Agency" in text_of(settings)
    assert link not in settings.content.decode()


def test_the_owner_revokes_a_link(browser, website):
    make(browser, website)
    make(browser, website, name="Customer")
    text = text_of(revoke(browser, website))
    assert "Revoked" in text
    assert "Agency" not in text
    assert [share.name for share in Share.objects.all()] == ["Customer"]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("", "Share name is required"),
        ("x" * 256, "Share name must be less than 255 characters"),
    ],
)
def test_what_is_wrong_with_a_share_is_said(browser, website, name, error):
    response = browser.post(f"/websites/{website.pk}/shares/", {"name": name}, follow=True)
    assert error in text_of(response)
    assert not Share.objects.exists()


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "<b>", "%s {{"])
def test_hostile_texts(browser, website, text):
    sent = text.encode("utf-8", "surrogatepass")
    assert make(browser, website, name=sent).status_code in (200, 302)
    assert make(browser, website, revoke=sent).status_code == 302
    assert browser.get(f"/websites/{website.pk}/settings/").status_code == 200


def test_one_more_than_fits_is_refused(browser, website, monkeypatch):
    monkeypatch.setattr("websites.new_share.MAX_SHARES", 1)
    make(browser, website)
    response = browser.post(f"/websites/{website.pk}/shares/", {"name": "B"}, follow=True)
    assert "A website has at most 100 shares" in text_of(response)
    assert Share.objects.count() == 1


def test_shares_are_made_by_the_owner_alone(website, make_user, staff_api):
    stranger = Client()
    stranger.force_login(make_user("stranger@example.com"))
    for client in (stranger, staff_api):
        assert make(client, website).status_code == 404
    assert make(Client(), website).status_code == 302  # to the login
    assert not Share.objects.exists()


def test_a_share_of_another_website_cannot_be_revoked(browser, website, other):
    token_of_share(other)
    form = {"revoke": str(Share.objects.get().pk)}
    browser.post(f"/websites/{website.pk}/shares/", form)
    assert Share.objects.count() == 1
