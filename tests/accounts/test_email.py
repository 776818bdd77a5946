"""/accounts/email/ and /api/v1/auth/email: an email is confirmed by a link"""

import re

import pytest
from django.core import mail
from django.test import Client

from tests.support.accounts import PASSWORD
from tests.support.activity import row_of
from tests.support.pages import text_of
from tests.support.responses import assert_error, assert_response
from websites import background_mail
from websites.models import User

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

API, PAGE, ME = "/api/v1/auth/email", "/accounts/email/", "/accounts/me/"
NEW = {"email": "user@example.com", "password": PASSWORD}
OLD_LINK = "This link does not work any more."


def link():
    """Return the path of the link in the only mail."""
    background_mail.wait()
    [message] = mail.outbox
    assert message.to == ["user@example.com"]
    [found] = re.findall(r"http://testserver(/accounts/email/\S+)", str(message.body))
    return found


def is_confirmed():
    return User.objects.get(email="user@example.com").is_email_confirmed


@pytest.fixture
def browser(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("path", ["/api/v1/auth/register", "/accounts/register/"])
def test_a_new_account_gets_a_link_whose_button_confirms(api, client, path):
    if path.startswith("/api"):
        api.post(path, NEW)
    else:
        client.post(path, NEW)
    stranger = Client()
    page = stranger.get(link())
    assert "user@example.com is the email of an account here." in text_of(page)
    assert not is_confirmed()
    response = stranger.post(link(), follow=True)
    assert response.redirect_chain == [("/accounts/login/", 302)]
    assert "user@example.com is confirmed." in text_of(response)
    assert is_confirmed()


def test_the_account_page_shows_it_and_sends_another_link(browser):
    assert "not confirmed yet" in text_of(browser.get(ME))
    assert f'href="{PAGE}"' in browser.get(ME).content.decode()
    response = browser.post(PAGE, follow=True)
    assert "A link is on its way to user@example.com." in text_of(response)
    page = browser.post(link(), follow=True)
    assert page.redirect_chain == [(ME, 302)]
    assert "not confirmed" not in text_of(page)


def test_the_api_tells_it_and_sends_another_link(api, token):
    shown = {"email": "user@example.com", "isConfirmed": False}
    assert_response(api.get(API, token=token), 200, shown)
    sent = api.post(API, token=token)
    assert_response(sent, 202, {"message": "A link is on its way"})
    Client().post(link())
    assert_response(api.get(API, token=token), 200, shown | {"isConfirmed": True})
    assert_error(api.get(API), 401, "UNAUTHORIZED", "Missing or invalid authorization header")


@pytest.mark.usefixtures("clock")
def test_links_share_the_counter_of_logins(api, browser, token, settings):
    settings.MAILED_LINKS = "100/h"
    for _ in range(5):
        assert api.post(API, token=token).status_code == 202
        assert browser.post(PAGE).status_code == 302
    assert api.post(API, token=token).status_code == 429
    assert browser.post(PAGE).status_code == 429


@pytest.mark.usefixtures("clock")
def test_links_of_all_kinds_to_one_email_have_a_limit(api, browser, token, settings):
    settings.MAILED_LINKS = "3/h"
    assert browser.post(PAGE).status_code == 302
    assert Client().post("/accounts/reset/", {"email": "User@example.com"}).status_code == 302
    assert api.post(API, token=token).status_code == 202
    response = api.post(API, token=token)
    wait = response["Retry-After"]
    assert_error(response, 429, "RATE_LIMITED", "Too many requests", {"Retry-After": wait})
    assert browser.post(PAGE).status_code == 429
    User.objects.all().delete()
    assert api.post("/api/v1/auth/register", NEW).status_code == 201
    background_mail.wait()
    assert len(mail.outbox) == 3


@pytest.mark.parametrize("change", ["later", "other email", "inactive", "deleted", "altered"])
def test_a_link_is_good_for_three_days_and_one_email(browser, user, clock, change):
    browser.post(PAGE)
    path = link()
    if change == "later":
        clock.move(days=3, seconds=1)
    elif change == "altered":
        path = path[:-2] + ("A/" if path[-2] != "A" else "B/")
    elif change == "deleted":
        user.delete()
    else:
        changed = {"is_active": False} if change == "inactive" else {"email": "a@b.example"}
        User.objects.update(**changed)
    for response in (Client().get(path), Client().post(path)):
        assert response.status_code == 404
        assert OLD_LINK in text_of(response)
    assert not User.objects.exclude(confirmed_email="").exists()


@pytest.mark.parametrize("text", ["x", ":", "::", "%00", "%F0%9F", "a" * 3000, "1:2:3:4"])
def test_any_other_text_is_no_link(text):
    assert OLD_LINK in text_of(Client().get(f"{PAGE}{text}/"))


def test_a_confirmed_email_that_staff_change_is_not_confirmed(browser, user):
    browser.post(PAGE)
    browser.post(link())
    assert is_confirmed()
    User.objects.update(email="other@example.com")
    assert "not confirmed yet" in text_of(browser.get(ME))


def test_the_link_is_not_recorded(browser):
    browser.post(PAGE)
    assert row_of(browser.get(link())).path == "/accounts/email/[token]/"


def test_a_form_of_another_site_is_rejected(browser):
    browser.post(PAGE)
    client = Client(enforce_csrf_checks=True)
    assert client.post(link()).status_code == 403
    assert not is_confirmed()
