"""SECRET_KEY and SECRET_KEY_FALLBACKS: what one rotation leaves alive, and two end"""

import jwt
import pytest
from django.contrib.sessions.models import Session

from config.signing_keys import signing_keys
from tests.support.accounts import PASSWORD
from tests.support.api import Api
from tests.support.environment import settings_error
from websites import sessions, tokens

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

OLD, NEW = "old-" + "0123456789" * 5, "new-" + "abcdefghij" * 5


@pytest.fixture
def use(settings):
    """Sign with a key, and take signatures of others."""

    def use(*keys):
        settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS = signing_keys("django", keys)
        settings.TOKEN_KEYS = signing_keys("tokens", keys)
        tokens.reset()
        sessions.reset()

    return use


@pytest.fixture
def use_as_before_an_upgrade(settings):
    """Sign all with the key itself, as before each use had a key of its own."""
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS, settings.TOKEN_KEYS = OLD, [], [OLD]


@pytest.fixture
def statuses(user):
    """Log in; return what the session and the tokens of that login are answered later."""

    def log_in():
        browser, pair = Api(), tokens.issue(user)
        browser.post("/api/v1/auth/session", {"email": user.email, "password": PASSWORD})

        def statuses():
            collected = {"event_type": "page_view", "event_data": {}}
            return [
                browser.post("/api/analytics/collect", collected).status_code,
                browser.get("/accounts/me/").status_code,
                browser.get("/api/v1/auth/me", token=pair.access).status_code,
                browser.post("/api/v1/auth/refresh", {"refreshToken": pair.refresh}).status_code,
            ]

        return statuses

    return log_in


ALIVE, ENDED = [200] * 4, [403, 302, 401, 401]


@pytest.mark.parametrize(("keys", "expected"), [([NEW, OLD], ALIVE), ([NEW], ENDED)])
def test_fallbacks_keep_sessions_and_tokens_alive(use, statuses, keys, expected):
    use(OLD)
    later = statuses()
    use(*keys)
    [session] = Session.objects.all()
    assert later() == expected
    assert Session.objects.get() == session


def test_sessions_and_tokens_of_before_each_use_had_a_key_stay_alive(
    use_as_before_an_upgrade, use, statuses
):
    later = statuses()
    use(NEW, OLD)
    assert later() == ALIVE


def test_a_new_password_ends_what_an_earlier_key_signed(use, statuses, user):
    use(OLD)
    later = statuses()
    use(NEW, OLD)
    user.set_password("BetterPass456")
    user.save()
    assert later() == ENDED


def test_tokens_django_and_the_setting_have_different_keys(settings, token):
    assert settings.TOKEN_KEYS[0] not in {settings.SECRET_KEY, settings.ROOT_SECRET_KEY}
    assert settings.SECRET_KEY != settings.ROOT_SECRET_KEY
    for key in (settings.SECRET_KEY, settings.ROOT_SECRET_KEY):
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(token, key, ["HS256"])


def test_a_fallback_that_is_no_earlier_key_is_named():
    assert settings_error(SECRET_KEY_FALLBACKS=f"{OLD},short") == (
        "Settings: SECRET_KEY_FALLBACKS must list earlier values of SECRET_KEY, comma separated."
    )
