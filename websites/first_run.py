"""Data of a first run: a secret key, an admin and a website."""

import json
import os
import secrets
from contextlib import suppress

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from websites.models import User, Website

ADMIN_EMAIL = "admin@example.com"
DEMO_HOST = "demo.example"


def store_secret_key() -> None:
    """Store the generated key, so that tokens stay valid after a restart."""
    with suppress(FileExistsError), open(settings.SECRET_KEY_FILE, "x", opener=_private) as file:
        file.write(settings.ROOT_SECRET_KEY)


def password_notice(password: str, *, is_terminal: bool) -> str:
    """Return the password for a terminal, where nobody keeps it.

    For other output it is stored in a file that only its owner reads, and that is named.
    """
    if settings.ADMIN_PASSWORD:
        return "password: as in ADMIN_PASSWORD"
    if is_terminal:
        return f"password: {password}"
    file = settings.VAR_DIR / "admin_password"
    file.unlink(missing_ok=True)  # of an earlier database
    with open(file, "x", opener=_private) as private:
        private.write(f"{password}\n")
    return f"password in {file}"


def create_admin_and_website(password: str) -> str | None:
    """Create both unless there is an admin; return the password of the new one.

    An empty password is replaced by a random one.
    """
    if User.objects.filter(Q(is_superuser=True) | Q(email=ADMIN_EMAIL)).exists():
        return None
    password = password or secrets.token_urlsafe(12)
    with transaction.atomic(using="default"):
        admin = User.objects.create_superuser(email=ADMIN_EMAIL, password=password)
        Website.objects.create(user=admin, name="Demo", domain=DEMO_HOST)
    return password


def oldest_website() -> Website | None:
    """Return the oldest active website of an admin, to try the API with."""
    websites = Website.objects.filter(user__is_superuser=True, is_active=True)
    return websites.order_by("id").first()


def demo_website() -> Website | None:
    """Return the website that a first run made, None if there is none or it was given away."""
    websites = Website.objects.filter(user__is_superuser=True, host=DEMO_HOST)
    return websites.order_by("id").first()


def curl_line(url: str, tracking_code: str) -> str:
    """Return a shell command that posts an event of a website."""
    event = {
        "trackingCode": tracking_code,
        "eventType": "pageview",
        "url": f"https://{DEMO_HOST}/",
        "sessionId": "first-session",
        "visitorId": "first-visitor",
    }
    return f"curl {url} -d '{json.dumps(event)}'"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
