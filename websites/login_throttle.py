"""Limits on logins: on attempts of one client, on failures of one account, on links mailed to it.

All ways to log in share one counter of attempts. Of failures, all strangers share one. A network
from which the account was logged in to has one of its own, so that strangers cannot lock out an
owner who comes from there. Unknown emails are counted like known ones, so that nobody learns which
exist. So are links: nobody floods the mailbox of another. The cache holds neither emails nor
addresses.
"""

from django.core.cache import cache
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from config.api.client_address import network_of
from config.api.fail_open import FailOpenCache
from config.api.ratelimit import Quota, RateLimit

LOGIN_LIMIT = RateLimit("RATE_AUTH", shared="all ways to log in")
KNOWN_SECONDS = 30 * 86_400  # since the last login


class LoginThrottle:
    """One attempt to log in, which counts as failed unless it succeeds."""

    def __init__(self, request: HttpRequest, email: str) -> None:
        self._cache = FailOpenCache.of(request)
        self._network = _key("network", email, network_of(request))
        is_known = self._cache.call(lambda: cache.get(self._network, False), otherwise=False)
        caller = self._network if is_known else _key("strangers", email)
        self._failures = Quota("LOGIN_FAILURES", caller, fail_open=self._cache)

    def count(self) -> None:
        """Count the attempt, before its password is checked; raise RateLimited after too many."""
        self._failures.consume(1)

    def succeed(self) -> None:
        """Forget the failures, and remember the network of the account."""
        self._failures.reset()
        self._cache.call(lambda: cache.set(self._network, True, KNOWN_SECONDS), otherwise=None)


def count_mailed_link(request: HttpRequest, email: str) -> None:
    """Count a link that somebody asks for; raise RateLimited after too many to this email."""
    fail_open = FailOpenCache.of(request)
    Quota("MAILED_LINKS", _key("mailbox", email), fail_open=fail_open).consume(1)


def _key(kind: str, email: str, network: str = "") -> str:
    """Return a key of the cache from which nobody can tell the email and the network."""
    value = f"{network} {email.lower()}"
    return f"{kind}:{salted_hmac(f'attempts.{kind}', value, algorithm='sha256').hexdigest()}"
