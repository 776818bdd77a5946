"""How often the password of one account may be guessed, from wherever, in a fixed window.

Unknown emails count alike, so that nobody learns which ones exist. The cache holds no email.
"""

from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from config import counters
from config.budget import Budget


class Attempt:
    """An attempt to log in, which counts as failed until it has succeeded."""

    def __init__(self, request: HttpRequest, email: str) -> None:
        """Count it, before its password is looked at; raises RateLimited after too many."""
        account = salted_hmac("attempts", email.lower(), algorithm="sha256").hexdigest()
        self._failures = Budget("LOGIN_FAILURES", account, counters=counters.of(request))
        self._failures.spend(1)

    def succeed(self) -> None:
        """Forget the failures of this account."""
        self._failures.forget()
