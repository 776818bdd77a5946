"""Endpoints about websites of their caller"""

from typing import Any

from rest_framework.request import Request

from config.api.dialects.base import Messages
from config.api.errors import NotFound
from config.api.view import endpoint
from config.db import uuid7
from websites.authentication import BearerAuthentication, Guest, caller_of
from websites.models import Website

NOT_FOUND = "Website not found"


def bearer(*, failed: str, **more: Any) -> endpoint:
    """Return an endpoint of the owner of a website, with its authentication and messages."""
    messages = Messages(invalid="Invalid request body", failed=failed)
    return endpoint(authentication=BearerAuthentication, messages=messages, **more)


def own_website(request: Request, id: str) -> Website:
    """Return a website of the caller; raises NotFound."""
    websites = Website.objects.owned_by(caller_of(request).user_id)
    website_id = uuid7.parse(id)
    website = websites.filter(id=website_id).first() if website_id else None
    if website is None:
        raise NotFound(NOT_FOUND)
    return website


def readable_website(request: Request, id: str) -> Website:
    """Return a website of the caller, or the one whose share the caller has; raises NotFound."""
    if not isinstance(request.user, Guest):
        return own_website(request, id)
    website = request.user.share.website
    if uuid7.parse(id) != website.pk:
        raise NotFound(NOT_FOUND)
    return website
