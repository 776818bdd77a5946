"""Authentication backend for Django's own pages, such as the admin's login."""

import math
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from config.api.errors import Forbidden, InvalidCredentials, RateLimited
from websites import accounts
from websites.login_throttle import LOGIN_LIMIT
from websites.models import User

TOO_MANY_ATTEMPTS = "too_many_attempts"


class AccountBackend(ModelBackend):
    """Django's permissions, with passwords checked and attempts limited as in the accounts API."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **more: Any,
    ) -> User | None:
        """Return the user; raise ValidationError, which forms show, after too many attempts."""
        if username is None or password is None:
            return None
        try:
            if request:
                LOGIN_LIMIT.count(request)
            return accounts.authenticate(
                request or HttpRequest(), email=username, password=password
            )
        except (InvalidCredentials, Forbidden):
            return None
        except RateLimited as error:
            seconds = error.retry_after_seconds
            raise ValidationError(
                "Too many attempts to log in; try again in %(minutes)s min.",
                code=TOO_MANY_ATTEMPTS,
                params={"minutes": math.ceil(seconds / 60), "seconds": seconds},
            ) from error
