"""Confirmation that somebody reads the mail to the email of an account, by a link"""

from contextlib import suppress
from datetime import timedelta

from django.core.mail import EmailMessage
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse

from config.api.errors import RateLimited
from config.db import uuid7
from websites import background_mail
from websites.login_throttle import count_mailed_link
from websites.models import User

MAX_AGE = timedelta(days=3)


def send_link(request: HttpRequest, user: User) -> None:
    """Send a link to the email of a user, soon; it leads to the host of the request.

    Raises RateLimited after too many.
    """
    count_mailed_link(request, user.email)
    path = reverse("email_confirm", args=[_signer(user).sign(str(user.pk))])
    context = {"host": request.get_host(), "link": request.build_absolute_uri(path)}
    body = render_to_string("accounts/confirm_mail.txt", context)
    subject = f"Confirm your email for Millrace at {context['host']}"
    background_mail.send(EmailMessage(subject, body, to=[user.email]))


def send_first_link(request: HttpRequest, user: User) -> None:
    """Send a link to a new account, which is made even if its mailbox had too many links."""
    with suppress(RateLimited):
        send_link(request, user)


def user_of(link: str) -> User | None:
    """Return the active user whose present email a link confirms, None for any other text."""
    user_id = uuid7.parse(link.partition(":")[0])
    user = User.objects.filter(pk=user_id, is_active=True).first() if user_id else None
    try:
        if user:
            _signer(user).unsign(link, max_age=MAX_AGE)
    except BadSignature:
        return None
    return user


def confirm(user: User) -> None:
    """Store that a user reads the mail to the present email."""
    User.objects.filter(pk=user.pk, email=user.email).update(confirmed_email=user.email)


def _signer(user: User) -> TimestampSigner:
    return TimestampSigner(salt=f"email {user.email}")  # so that a link is good for that one
