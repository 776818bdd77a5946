"""EMAIL_URL"""

import pytest

from config.email_url import email_settings
from tests.support.environment import settings_error


@pytest.mark.parametrize(
    ("url", "host", "port", "user", "password", "use_tls", "use_ssl"),
    [
        ("smtp://mail.example", "mail.example", 25, "", "", False, False),
        ("smtp://mail.example:2525/", "mail.example", 2525, "", "", False, False),
        ("smtp+tls://me:p%40ss@mail.example", "mail.example", 587, "me", "p@ss", True, False),
        ("smtps://a%40b.example:x@[::1]:1465", "::1", 1465, "a@b.example", "x", False, True),
    ],
)
def test_a_url_names_a_server(url, host, port, user, password, use_tls, use_ssl):
    found = email_settings(url)
    assert found.backend == "django.core.mail.backends.smtp.EmailBackend"
    assert (found.host, found.port, found.user, found.password) == (host, port, user, password)
    assert (found.use_tls, found.use_ssl) == (use_tls, use_ssl)


def test_the_console_prints_it():
    assert email_settings("console:").backend.endswith(".console.EmailBackend")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.example",
        "smtp:",
        "http://mail.example",
        "smtp://mail.example:x",
        "smtp://[x",
        "smtp://a/b",
    ],
)
def test_what_is_none_aborts_the_start(url):
    said = settings_error(EMAIL_URL=url)
    assert said == (
        "Settings: EMAIL_URL must look like console: or smtp+tls://user:password@mail.example:587."
    )


def test_a_sender_must_be_an_address():
    assert settings_error(EMAIL_FROM="nobody").startswith("Settings: EMAIL_FROM: ")
