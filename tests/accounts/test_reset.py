"""/accounts/reset/: a new password by a link in a mail"""

import re
from datetime import UTC, datetime
from itertools import count

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail
from django.test import Client

from activity.models import ActivityEvent
from tests.support.accounts import PASSWORD
from tests.support.activity import row_of
from tests.support.pages import text_of
from websites import background_mail, tokens
from websites.models import User

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

RESET, SENT, LOGIN = "/accounts/reset/", "/accounts/reset/sent/", "/accounts/login/"
NEW = "BetterPass456"
addresses = (f"192.0.2.{n}" for n in count(1))  # so that none meets its own limit
FORM = {"new_password1": NEW, "new_password2": NEW}


def ask(email="user@example.com", **more):
    response = Client().post(RESET, {"email": email}, **more)
    background_mail.wait()
    return response


def link():
    """Return the path of the link in the last mail."""
    [found] = re.findall(r"http://testserver(/\S+)", str(mail.outbox[-1].body))
    return found


def follow(path):
    """Open a link in a new browser; return it, and the page that it leads to."""
    client = Client()
    return client, client.get(path, follow=True)


def can_log_in(password):
    form = {"username": "user@example.com", "password": password}
    return Client().post(LOGIN, form).status_code == 302


def test_the_login_page_leads_to_it(client):
    assert f'href="{RESET}"' in client.get(LOGIN).content.decode()
    assert "Enter your email" in text_of(client.get(RESET))


def test_a_link_sets_a_new_password_once(user):
    pair = tokens.issue(user)
    assert ask()["Location"] == SENT
    [message] = mail.outbox
    assert message.to == ["user@example.com"]
    assert message.from_email == "millrace@localhost"
    client, page = follow(link())
    assert page.status_code == 200
    response = client.post(page.redirect_chain[-1][0], FORM, follow=True)
    assert response.redirect_chain == [(LOGIN, 302)]
    assert "Your password is new." in text_of(response)
    assert can_log_in(NEW)
    assert not can_log_in(PASSWORD)
    assert follow(link())[1].status_code == 404
    access = {"Authorization": f"Bearer {pair.access}"}
    assert Client().get("/api/v1/auth/me", headers=access).status_code == 401


@pytest.mark.parametrize("email", ["USER@example.com", " user@example.com "])
def test_an_email_in_any_spelling_is_found(user, email):
    ask(email)
    assert [message.to for message in mail.outbox] == [["user@example.com"]]


@pytest.mark.parametrize(
    "email", ["nobody@example.com", "no email", "a@b\n.example", "Ü@x.example"]
)
def test_nobody_learns_whether_an_account_exists(user, email):
    known, unknown = ask(), ask(email)
    assert (known.status_code, known["Location"]) == (302, SENT)
    assert (unknown.status_code, unknown["Location"]) == (302, SENT)
    assert known.content == unknown.content
    assert len(mail.outbox) == 1
    assert "If there is an account" in text_of(Client().get(SENT))


@pytest.mark.parametrize("email", ["", "a\0b"])
def test_what_is_no_text_is_said(email):
    assert ask(email).status_code == 200
    assert not mail.outbox


def test_an_account_that_cannot_log_in_gets_no_mail(user, make_user):
    user.is_active = False
    user.save()
    second = make_user("second@example.com")
    second.set_unusable_password()
    second.save()
    ask()
    ask("second@example.com")
    assert not mail.outbox


def test_a_link_ends_after_an_hour(user, clock):
    ask()
    clock.move(minutes=59)
    assert follow(link())[1].status_code == 200
    clock.move(minutes=2)
    response = follow(link())[1]
    assert response.status_code == 404
    assert "This link does not work any more." in text_of(response)
    assert f'href="{RESET}"' in response.content.decode()


def test_a_link_ends_with_a_login(user, clock):
    ask()
    clock.move(seconds=1)
    assert can_log_in(PASSWORD)
    assert follow(link())[1].status_code == 404


@pytest.mark.parametrize(
    "path",
    ["x/y/", "MDE5Yw/abc-def/", "%00/%00/", "x/set-password/", f"{'a' * 3000}/b/", "%F0%9F/x/"],
)
def test_a_broken_link_is_a_page(path):
    response = Client().get(f"{RESET}{path}")
    assert response.status_code == 404
    assert "This link does not work any more." in text_of(response)
    assert Client().post(f"{RESET}{path}", FORM).status_code == 404


def test_the_rules_of_passwords_hold_here_too(user):
    ask()
    client, page = follow(link())
    weak = {"new_password1": "password", "new_password2": "password"}
    response = client.post(page.redirect_chain[-1][0], weak)
    assert "Password must contain at least one number" in text_of(response)
    assert can_log_in(PASSWORD)


@pytest.mark.usefixtures("clock")
def test_posts_share_the_counter_of_logins(user, settings):
    settings.MAILED_LINKS = "100/h"
    for _ in range(10):
        assert ask().status_code == 302
    response = ask()
    assert response.status_code == 429
    assert f"Try again in {response['Retry-After']} seconds." in text_of(response)
    assert Client().post(LOGIN, {"username": "a@b.example", "password": "x"}).status_code == 429
    assert len(mail.outbox) == 10
    client, page = follow(link())
    refused = client.post(page.redirect_chain[-1][0], FORM)
    assert refused.status_code == 429
    assert User.objects.get().check_password(PASSWORD)


@pytest.mark.parametrize("email", ["user@example.com", "nobody@example.com"])
def test_nobody_floods_a_mailbox(user, settings, clock, email):
    settings.MAILED_LINKS = "3/h"
    clock.set(datetime(2027, 1, 15, 8, 10, tzinfo=UTC))
    for spelling in (email, f" {email.upper()}", email):
        assert ask(spelling, REMOTE_ADDR=next(addresses))["Location"] == SENT
    response = ask(email, REMOTE_ADDR=next(addresses))
    assert (response.status_code, response["Retry-After"]) == (429, "3000")
    assert "Too many attempts. Try again in 3000 seconds." in text_of(response)
    assert ask("other@example.com")["Location"] == SENT
    clock.move(seconds=3000)
    ask(email)
    assert len(mail.outbox) == 4 * (email == user.email)


def test_a_new_password_ends_a_lock(user, settings):
    settings.LOGIN_FAILURES, settings.RATE_AUTH = "2/h", "100/m"
    for _ in range(3):
        can_log_in("wrong")
    assert not can_log_in(PASSWORD)
    ask()
    client, page = follow(link())
    client.post(page.redirect_chain[-1][0], FORM)
    assert can_log_in(NEW)


def test_of_two_posts_at_once_one_sets_the_password(user, monkeypatch):
    ask()
    client, page = follow(link())

    def encode(self, password, salt):
        User.objects.update(password="x")
        return password

    monkeypatch.setattr(MD5PasswordHasher, "encode", encode)
    response = client.post(page.redirect_chain[-1][0], FORM)
    assert "Your password has been changed meanwhile." in text_of(response)
    assert User.objects.get().password == "x"


def test_a_form_of_another_site_is_rejected(user):
    client = Client(enforce_csrf_checks=True)
    assert client.post(RESET, {"email": "user@example.com"}).status_code == 403


def test_a_mail_server_that_is_away_is_no_failure(user, settings, caplog):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert ask().status_code == 302
    [record] = caplog.records
    assert "Mail cannot be sent, see EMAIL_URL" in record.message


def test_the_token_is_not_recorded(user):
    ask()
    row = row_of(Client().get(link()))
    assert row.path == "/accounts/reset/[token]/"
    assert link().split("/")[-2] not in str(list(ActivityEvent.objects.values()))


def test_the_link_has_the_scheme_of_the_request(user):
    ask(secure=True)
    assert "https://testserver/accounts/reset/" in mail.outbox[0].body
