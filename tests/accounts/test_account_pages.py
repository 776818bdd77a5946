"""/accounts/me/, password/, sessions/ and delete/"""

import pytest
from django.contrib.auth import get_user
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.sessions.models import Session
from django.test import Client

from analytics.funnel.models import FunnelEvent
from tests.support.accounts import PASSWORD
from tests.support.databases import failing
from tests.support.pages import text_of
from websites import accounts, tokens
from websites.models import RetiredCode, User, Website

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

LOGIN, ME = "/accounts/login/", "/accounts/me/"
CHANGE, SESSIONS, DELETE = "/accounts/password/", "/accounts/sessions/", "/accounts/delete/"
PAGES = (ME, CHANGE, SESSIONS, DELETE, "/accounts/email/")
FORMS = (CHANGE, SESSIONS, DELETE)
ADMIN = "/admin/password_change/"
NEW = "BetterPass456"
CHANGED = {"password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
NEW_IS_BAD = [
    ("short1A", "Password must be at least 8 characters"),
    ("x1A" * 43, "Password must be at most 128 characters"),
    ("lowercase1", "Password must contain at least one uppercase letter"),
    ("NoNumberHere", "Password must contain at least one number"),
]


def logged_in(**more):
    """Return a browser in which user@example.com has logged in."""
    client = Client(**more)
    form = {"username": "user@example.com", "password": PASSWORD}
    assert client.post(LOGIN, form).status_code == 302
    return client


def is_logged_in(client):
    return client.get(ME).status_code == 200


def can_log_in(password):
    form = {"username": "user@example.com", "password": password}
    return Client().post(LOGIN, form).status_code == 302


@pytest.fixture
def browser(user):
    return logged_in()


@pytest.mark.parametrize("path", PAGES)
def test_who_is_not_logged_in_is_asked_to_log_in(path):
    response = Client().get(path)
    assert (response.status_code, response["Location"]) == (302, f"{LOGIN}?next={path}")


@pytest.mark.parametrize("path", PAGES)
def test_each_page_has_the_policy_of_our_pages(browser, path):
    response = browser.get(path)
    assert response.status_code == 200
    assert "script-src 'self';" in response["Content-Security-Policy"]
    assert response["Cache-Control"] == "private, no-store"
    assert 'class="top"' in response.content.decode()


def test_the_account_page_leads_to_the_others(browser, website):
    response = browser.get(ME)
    assert "user@example.com" in text_of(response)
    assert "1 website" in text_of(response)
    for path in FORMS:
        assert f'href="{path}"' in response.content.decode()
    assert f'href="{ME}"' in browser.get("/").content.decode()


@pytest.mark.parametrize("path", FORMS)
def test_a_form_of_another_site_is_rejected(user, path):
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    assert client.post(path, CHANGED).status_code == 403
    assert can_log_in(PASSWORD)


@pytest.mark.parametrize("path", FORMS)
def test_the_present_password_is_asked_for(browser, path):
    for password, error in (("", "This field is required."), (NEW, "That is not your password.")):
        response = browser.post(path, CHANGED | {"password": password})
        assert error in text_of(response)
    assert can_log_in(PASSWORD)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("path", FORMS)
def test_posts_share_the_counter_of_logins(browser, path):
    for _ in range(9):  # and the login
        assert browser.post(path, {"password": "wrong"}).status_code == 200
    response = browser.post(path, CHANGED)
    wait = int(response["Retry-After"])
    assert response.status_code == 429
    assert f"Too many attempts. Try again in {wait} second" in text_of(response)
    assert 'name="password"' in response.content.decode()
    assert Client().post(LOGIN, {"username": "a@b.example", "password": "x"}).status_code == 429
    assert browser.get(path).status_code == 200
    assert User.objects.get().check_password(PASSWORD)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("path", FORMS)
def test_wrong_passwords_count_as_failed_logins(browser, path, settings):
    settings.RATE_AUTH, settings.LOGIN_FAILURES = "100/m", "3/h"
    for _ in range(3):
        browser.post(path, {"password": "wrong"})
    assert browser.post(path, CHANGED).status_code == 429


def test_the_admin_changes_passwords_on_the_same_page(staff_api):
    for response in (staff_api.get(ADMIN), staff_api.post(ADMIN, {"old_password": "x"})):
        assert (response.status_code, response["Location"]) == (302, CHANGE)


# A new password


def test_a_new_password_logs_all_others_out(browser, user):
    other, pair, old_key = logged_in(), tokens.issue(user), browser.cookies["sessionid"].value
    response = browser.post(CHANGE, CHANGED, follow=True)
    assert response.redirect_chain == [(ME, 302)]
    assert "Your password is new." in text_of(response)
    assert is_logged_in(browser)
    assert browser.cookies["sessionid"].value != old_key
    assert not Session.objects.filter(pk=old_key).exists()
    assert not is_logged_in(other)
    assert Client().get("/api/v1/auth/me", headers=bearer(pair.access)).status_code == 401
    assert refresh(pair.refresh).status_code == 401
    assert can_log_in(NEW)
    assert not can_log_in(PASSWORD)


@pytest.mark.parametrize(("password", "error"), NEW_IS_BAD)
def test_a_new_password_obeys_the_rules_of_the_api(browser, password, error):
    sent = CHANGED | {"new_password1": password, "new_password2": password}
    assert error in text_of(browser.post(CHANGE, sent))
    assert can_log_in(PASSWORD)


@pytest.mark.parametrize("path", [CHANGE, SESSIONS])
def test_an_account_that_is_deleted_meanwhile_does_not_come_back(browser, user, monkeypatch, path):
    def encode(self, password, salt):
        if salt not in user.password:  # the new hash
            accounts.close(User.objects.get())
        return original(self, password, salt)

    original = MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", encode)
    response = browser.post(path, CHANGED)
    assert "Your password has been changed meanwhile." in text_of(response)
    closed = User.objects.get()
    assert (closed.is_active, closed.email) == (False, f"{closed.pk}@localhost")
    assert not closed.has_usable_password()


def test_both_entries_must_be_the_same(browser):
    response = browser.post(CHANGE, CHANGED | {"new_password2": f"{NEW}!"})
    assert "The two password fields didn" in text_of(response)
    assert can_log_in(PASSWORD)


def test_no_password_is_shown_again(browser):
    html = browser.post(CHANGE, CHANGED | {"new_password2": "x"}).content.decode()
    assert PASSWORD not in html
    assert NEW not in html


def test_a_password_that_staff_set_ends_tokens_too(user):
    pair = tokens.issue(user)
    user.set_password(NEW)
    user.save()
    tokens.reset()  # as after two seconds
    assert Client().get("/api/v1/auth/me", headers=bearer(pair.access)).status_code == 401
    new = tokens.issue(user)
    assert Client().get("/api/v1/auth/me", headers=bearer(new.access)).status_code == 200


def test_a_token_of_before_an_upgrade_stays_good(forge):
    assert Client().get("/api/v1/auth/me", headers=bearer(forge())).status_code == 200


# Log out everywhere


def test_all_others_are_logged_out(browser, user):
    other, pair = logged_in(), tokens.issue(user)
    response = browser.post(SESSIONS, {"password": PASSWORD}, follow=True)
    assert response.redirect_chain == [(ME, 302)]
    assert "All other browsers and tokens are logged out." in text_of(response)
    assert is_logged_in(browser)
    assert not is_logged_in(other)
    assert Client().get("/api/v1/auth/me", headers=bearer(pair.access)).status_code == 401
    assert refresh(pair.refresh).status_code == 401
    assert can_log_in(PASSWORD)


# Delete the account


def test_it_says_what_goes(browser, website):
    text = text_of(browser.get(DELETE))
    assert "My Website (example.com), with all its events" in text
    assert "cannot be undone" in text


def test_deleting_takes_the_websites_and_funnel_events(browser, user, website, make_user, api):
    stranger = make_user("stranger@example.com")
    Website.objects.create(user=stranger, name="Other", domain="example.com")
    website.rotate_code()
    for each in (user, stranger):
        token = tokens.issue(each).access
        api.post("/api/v1/analytics/track", {"event": "signup"}, token=token)
    pair = tokens.issue(user)
    response = browser.post(DELETE, {"password": PASSWORD}, follow=True)
    assert response.redirect_chain == [("/", 302)]
    assert "Your account is deleted with 1 website." in text_of(response)
    assert "Know what happens on your website" in text_of(response)
    assert list(User.objects.all()) == [stranger]
    assert Website.objects.get().user == stranger
    assert not RetiredCode.objects.exists()
    assert FunnelEvent.objects.get().user_id == stranger.pk
    assert not get_user(response.wsgi_request).is_authenticated
    assert Client().get("/api/v1/auth/me", headers=bearer(pair.access)).status_code == 401
    assert not can_log_in(PASSWORD)


def test_the_last_administrator_stays(make_user):
    make_user("user@example.com", is_staff=True, is_superuser=True)
    browser = logged_in()
    response = browser.post(DELETE, {"password": PASSWORD})
    assert "You are the only administrator. Make another one first." in text_of(response)
    assert User.objects.exists()
    make_user("second@example.com", is_staff=True, is_superuser=True)
    assert browser.post(DELETE, {"password": PASSWORD}).status_code == 302
    assert User.objects.get().email == "second@example.com"


@pytest.mark.parametrize("path", PAGES)
def test_without_the_main_database_a_page_says_so(browser, path):
    with failing("default", "the main database is away"):
        response = browser.get(path)
    assert response.status_code == 503
    assert "try again soon" in text_of(response)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def refresh(token):
    body = {"refreshToken": token}
    return Client().post("/api/v1/auth/refresh", body, content_type="application/json")
