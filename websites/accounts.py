"""Accounts: registration, authentication by password, deletion"""

import hashlib
import secrets
import string
from collections.abc import Collection
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, make_password
from django.db import OperationalError, connections, transaction
from django.http import HttpRequest

from config import runtime
from config.api.errors import Conflict, Forbidden, InvalidCredentials
from config.api.fields import Text
from config.api.rules import at_least, at_most, email_address, matching
from config.api.serializers import StrictSerializer
from websites import account_records
from websites.login_throttle import LoginThrottle
from websites.models import ErasureRequest, User

CLOSED = "Registration is closed"
TAKEN = "Email already registered"
WRONG = "Invalid email or password"
INACTIVE = "Account is inactive"
CHANGED = "Your password has been changed meanwhile."
LAST_ADMIN = "You are the only administrator. Make another one first."
LOG_OF_OTHERS = "This account stands for deleted users in the log of the admin."
QUICK_SECONDS = 1  # for which somebody waits
_KEY_ALPHABET = string.ascii_letters + string.digits


PASSWORD_RULES = (
    at_least(8, "Password must be at least 8 characters"),
    at_most(128, "Password must be at most 128 characters"),
    matching("[A-Z]", "Password must contain at least one uppercase letter"),
    matching("[a-z]", "Password must contain at least one lowercase letter"),
    matching("[0-9]", "Password must contain at least one number"),
)


class RegisterSerializer(StrictSerializer):
    """A new account."""

    email = Text(
        email_address("Invalid email address"),
        at_least(5, "Email must be at least 5 characters"),
        at_most(255, "Email must be at most 255 characters"),
    )
    password = Text(*PASSWORD_RULES)
    name = Text(
        at_least(2, "Name must be at least 2 characters"),
        at_most(255, "Name must be at most 255 characters"),
        default=None,
    )

    example: ClassVar[Any] = {
        "email": "user@example.com",
        "password": "SecurePass123",
        "name": "John Doe",
    }


REGISTER = RegisterSerializer()


def require_open_registration() -> None:
    if not runtime.current().registration_enabled:
        raise Forbidden(CLOSED)


def register(*, email: str, password: str, name: str | None) -> tuple[User, str]:
    """Store a new user; return it with its API key, which is stored as a digest only.

    Raises Conflict when the email is taken.
    """
    api_key = f"pk_{''.join(secrets.choice(_KEY_ALPHABET) for _ in range(32))}"
    # The key is random, so that a fast digest is as safe as a slow password hash.
    digest = hashlib.sha256(api_key.encode()).hexdigest()
    user = User(email=email.lower(), name=name, api_key_hash=digest)
    user.set_password(password)
    if not user.store_unless_taken():
        raise Conflict(TAKEN)
    return user, api_key


def authenticate(request: HttpRequest, *, email: str, password: str) -> User:
    """Return the active user of an email and password.

    Raises RateLimited after too many failures, else InvalidCredentials or Forbidden.
    """
    user = User.objects.filter(email=email.lower()).first()
    throttle = LoginThrottle(request, email)
    throttle.count()
    # Unknown emails must take as long as known ones: Django hashes for an unusable password too.
    nobody = User(password=UNUSABLE_PASSWORD_PREFIX)
    if not (user or nobody).check_password(password) or user is None:
        raise InvalidCredentials(WRONG)
    throttle.succeed()
    if not user.is_active:
        raise Forbidden(INACTIVE)
    return user


def active_user(user_id: UUID) -> User:
    """Return the active user with an id; raise InvalidCredentials if there is none any more."""
    user = User.objects.filter(id=user_id, is_active=True).first()
    if user is None:
        raise InvalidCredentials
    return user


def renew_generation(user: User, password: str) -> None:
    """End all sessions and tokens of a user by a new hash of the password, on which they depend.

    Raises Conflict if the password is not that one any more.
    """
    before, user.password = user.password, make_password(password)
    found = User.objects.filter(pk=user.pk, password=before)
    if not found.update(password=user.password):
        raise Conflict(CHANGED)


def delete(user: User) -> int:
    """Delete an account with its websites; return the number of these.

    What takes long goes in the background. Raises Forbidden for the last administrator.
    """
    websites = close(user)
    remove(user.pk, seconds=QUICK_SECONDS)
    return websites


def close(user: User) -> int:
    """End an account at once: its logins, tokens, websites and name; return how many websites.

    Its events stay until its ErasureRequest is fulfilled. Raises Forbidden for the last
    administrator, without whom nobody could make another one, and for who has the log of others.
    """
    if user.email == account_records.NOBODY:
        raise Forbidden(LOG_OF_OTHERS)
    with transaction.atomic(using="default"):
        list(User.objects.select_for_update().filter(is_superuser=True).values_list("pk"))
        if are_last_admins([user]):
            raise Forbidden(LAST_ADMIN)
        account_records.forget_name(user)
        websites = user.websites.count()
        user.websites.all().delete()
        ErasureRequest.objects.get_or_create(user_id=user.pk)
        user.close()
    return websites


def are_last_admins(users: Collection[User]) -> bool:
    """Return whether there would be no administrator without some users, and now is one."""
    admins = User.objects.filter(is_superuser=True, is_active=True)
    others = admins.exclude(pk__in=[user.pk for user in users])
    return any(user.is_superuser for user in users) and not others.exists()


def remove(user_id: UUID, *, seconds: float = 0) -> bool:
    """Delete the row of a closed account, and with it its funnel events; 0: whatever it takes.

    Returns False if it would take longer.
    """
    try:
        with transaction.atomic(using="default"), connections["default"].cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {round(1000 * seconds)}")
            User.objects.filter(pk=user_id).delete()
    except OperationalError:
        return False
    return True
