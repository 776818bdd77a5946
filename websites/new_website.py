"""A website to be: the rules of its name and domain, and what keeps it from being stored."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar
from uuid import UUID

from django.db import models, transaction

from config.api.errors import Conflict, NotFound
from config.api.fields import OPTIONAL, Text
from config.api.rules import Rule, at_least, at_most
from config.api.serializers import StrictSerializer
from websites.domains import is_domain, normalised_host
from websites.models import User, Website
from websites.ownership import NOT_FOUND

TAKEN = "This domain is already registered for your account"


class NewWebsite(StrictSerializer):
    """A website to be."""

    name = Text(
        at_least(1, "Website name is required"),
        at_most(255, "Website name must be less than 255 characters"),
    )
    domain = Text(
        at_least(1, "Domain is required"),
        Rule(is_domain, "url_parsing", "Invalid domain URL"),
        at_most(255, "Domain must be less than 255 characters"),
    )
    description = Text(at_most(1000, "Description must be less than 1000 characters"), **OPTIONAL)

    example: ClassVar[Any] = {
        "name": "My Website",
        "domain": "example.com",
        "description": "My example website",
    }


NEW = NewWebsite()


@contextmanager
def unique_host(user_id: UUID, domain: str, *, but: Website | None = None) -> Iterator[None]:
    """Let a block store a website of a user, who gets no other one meanwhile.

    but: one that may have the host. Raises Conflict for a second website of the same host, before
    the database refuses it, and logs values; or NotFound for one that was deleted meanwhile.
    """
    with existing(), transaction.atomic(using="default"):
        User.objects.select_for_update(no_key=True).filter(pk=user_id).first()
        others = Website.objects.owned_by(user_id).filter(host=normalised_host(domain))
        if any(other != but for other in others):
            raise Conflict(TAKEN)
        yield


@contextmanager
def existing() -> Iterator[None]:
    """Raise NotFound for a website that was deleted meanwhile."""
    try:
        yield
    except Website.DoesNotExist as error:
        raise NotFound(NOT_FOUND) from error


@contextmanager
def room_for_another(
    website: Website, others: models.QuerySet[Any], most: int, message: str
) -> Iterator[None]:
    """Let a block add something to a website that has less than the most of it.

    others: those that it has. Raises Conflict with a message, or NotFound for a website that was
    deleted meanwhile. Nobody else counts them until the block has ended.
    """
    with existing(), transaction.atomic(using="default"):
        Website.objects.select_for_update().get(pk=website.pk)
        if others.count() >= most:
            raise Conflict(message)
        yield
