"""/accounts/login/ and /accounts/logout/"""

import pytest
from django.contrib.sessions.models import Session

from tests.support.accounts import PASSWORD
from tests.support.databases import failing
from tests.support.pages import text_of
from tests.support.responses import assert_response
from tests.support.runtime_settings import change_settings
from websites.models import User

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

HOME, LOGIN, LOGOUT = "/", "/accounts/login/", "/accounts/logout/"
GOOD = {"username": "user@example.com", "password": PASSWORD}


def test_the_page_asks_for_what_browsers_can_fill_in(client):
    response = client.get(LOGIN)
    html = response.content.decode()
    assert response.status_code == 200
    for field in ("username", "current-password"):
        assert f'autocomplete="{field}"' in html
    assert 'type="email"' in html
    assert 'name="viewport"' in html
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("email", ["user@example.com", " User@Example.com "])
def test_who_logs_in_is_greeted(client, user, email):
    response = client.post(LOGIN, GOOD | {"username": email}, follow=True)
    assert response.redirect_chain == [(HOME, 302)]
    assert "You are logged in as user@example.com" in text_of(client.get(LOGIN))
    [session] = Session.objects.all()
    assert session.get_decoded()["_auth_user_id"] == str(user.id)
    assert client.cookies["sessionid"].value == session.pk


def test_staff_find_the_admin_on_the_first_page(client, make_user):
    make_user("staff@example.com", is_staff=True)
    response = client.post(LOGIN, GOOD | {"username": "staff@example.com"}, follow=True)
    assert response.redirect_chain == [(HOME, 302)]
    assert 'href="/admin/"' in response.content.decode()


@pytest.mark.parametrize(
    ("next", "leads_to"),
    [
        ("/admin/websites/website/?q=a", "/admin/websites/website/?q=a"),
        ("https://evil.example/", HOME),
        ("//evil.example/", HOME),
        ("javascript:alert(1)", HOME),
    ],
)
def test_next_redirects_to_pages_of_the_service_only(client, user, next, leads_to):
    kept = next if leads_to == next else ""
    assert f'name="next" value="{kept}"' in client.get(LOGIN, {"next": next}).content.decode()
    assert client.post(LOGIN, GOOD | {"next": next})["Location"] == leads_to


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"password": "wrong"}, "Invalid email or password."),
        ({"username": "nobody@example.com"}, "Invalid email or password."),
        ({"username": "a\0b"}, "Null characters are not allowed."),
        ({"username": ""}, "This field is required."),
        ({"password": ""}, "This field is required."),
    ],
)
def test_errors_are_reported_in_plain_text(client, user, change, error):
    response = client.post(LOGIN, GOOD | change)
    assert response.status_code == 200
    assert error in text_of(response)
    assert PASSWORD not in response.content.decode()
    assert not Session.objects.exists()


def test_an_inactive_account_is_reported_with_the_right_password(client, user):
    user.is_active = False
    user.save()
    assert "Account is inactive." in text_of(client.post(LOGIN, GOOD))
    assert not Session.objects.exists()


def test_without_the_main_database_the_page_shows_a_message(client, user):
    with failing("default", "the main database is away"):
        response = client.post(LOGIN, GOOD)
    assert "The database does not answer; try again soon." in text_of(response)


@pytest.mark.usefixtures("clock")
def test_the_eleventh_attempt_of_a_minute_is_rejected(client, user):
    for _ in range(10):
        client.post(LOGIN, GOOD | {"password": "wrong"})
    response = client.post(LOGIN, GOOD)
    wait = int(response["Retry-After"])
    assert response.status_code == 429
    assert f"Too many attempts. Try again in {wait} seconds." in text_of(response)
    assert 'value="user@example.com"' in response.content.decode()
    assert not Session.objects.exists()
    assert client.get(LOGIN).status_code == 200
    assert client.post(LOGIN, GOOD, REMOTE_ADDR="192.0.2.7").status_code == 302


def test_a_form_of_another_site_is_rejected(user, client):
    strict = client.__class__(enforce_csrf_checks=True)
    assert strict.post(LOGIN, GOOD).status_code == 403
    assert not Session.objects.exists()


def test_logging_out_ends_the_session(client, user):
    client.post(LOGIN, GOOD)
    response = client.post(LOGOUT)
    assert (response.status_code, response["Location"]) == (302, HOME)
    assert not Session.objects.exists()
    assert "You are logged in" not in text_of(client.get(LOGIN))
    assert client.get(LOGOUT).status_code == 405


def test_each_login_has_a_new_key(client, user):
    keys = set()
    for _ in range(2):
        client.post(LOGIN, GOOD)
        keys.add(client.cookies["sessionid"].value)
    assert len(keys) == 2
    assert Session.objects.count() == 1


REGISTER = "/accounts/register/"


@pytest.mark.parametrize("switch", ["true", "false"])
def test_pages_lead_to_registration_while_it_is_open(client, switch):
    change_settings(registration_enabled=switch)
    is_open = switch == "true"
    for page in (HOME, LOGIN):
        assert (f'href="{REGISTER}"' in client.get(page).content.decode()) == is_open
    assert client.get(REGISTER).status_code == (200 if is_open else 403)
    response = client.post(REGISTER, {"email": "a@b.example", "password": PASSWORD})
    assert response.status_code == (302 if is_open else 403)
    assert User.objects.exists() == is_open
    if not is_open:
        assert "Registration is closed" in text_of(response)


@pytest.mark.usefixtures("clock")
def test_registrations_on_the_page_share_the_counter(client):
    for _ in range(10):
        assert client.post(REGISTER, {"email": "a@b.example"}).status_code == 400
    response = client.post(REGISTER, {"email": "a@b.example", "password": PASSWORD})
    wait = int(response["Retry-After"])
    assert response.status_code == 429
    assert f"Too many attempts. Try again in {wait} second" in text_of(response)
    assert not User.objects.exists()


def test_a_page_that_does_not_exist_is_an_html_404(client):
    for path in ("/accounts/", "/accounts/profile/", "/accounts/profile", "/accounts/login//"):
        response = client.get(path)
        assert (response.status_code, response["Content-Type"][:9]) == (404, "text/html")
        assert "There is no such page" in response.text


@pytest.mark.parametrize("query", ["", "?next=/admin/&x=%20%C3%BC"])
def test_a_missing_slash_redirects_to_the_page(client, query):
    response = client.get(f"/accounts/login{query}")
    assert response.status_code == 301
    assert response["Location"] == f"{LOGIN}{query}"


def test_what_only_begins_like_a_page_is_unknown(client):
    body = {"error": "NOT_FOUND", "message": "Route not found"}
    for path in (
        "/accounts",
        "/account",
        "/accountsx/login",
        "/administrator",
        "/Admin",
    ):
        assert_response(client.get(path), 404, body)
