"""How often the password of one account may be guessed in a fixed window.

All strangers share one counter. A network from which the account was logged in to has a counter
of its own, so that strangers cannot keep an owner out who comes from there. Unknown emails count
alike, so that nobody learns which ones exist. The cache holds no email and no address.
"""

from django.core.cache import cache
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from config.api import counters
from config.api.client_address import network_of
from config.api.quota import Quota

KNOWN_SECONDS = 30 * 86_400  # since the last login


class LoginThrottle:
    """An attempt to log in, which counts as failed until it has succeeded."""

    def __init__(self, request: HttpRequest, email: str) -> None:
        """Count it, before its password is looked at; raises RateLimited after too many."""
        self._counters = counters.of(request)
        self._network = _mark("network", email, network_of(request))
        is_known = self._counters.call(lambda: cache.get(self._network, False), otherwise=False)
        caller = self._network if is_known else _mark("strangers", email)
        self._failures = Quota("LOGIN_FAILURES", caller, cache_of_request=self._counters)
        self._failures.consume(1)

    def succeed(self) -> None:
        """Forget the failures that it was counted with, and know the network again."""
        self._failures.forget()
        self._counters.call(lambda: cache.set(self._network, True, KNOWN_SECONDS), otherwise=None)


def _mark(kind: str, email: str, network: str = "") -> str:
    """Return a key that tells nobody whose it is."""
    whose = f"{network} {email.lower()}"
    return f"{kind}:{salted_hmac(f'attempts.{kind}', whose, algorithm='sha256').hexdigest()}"
