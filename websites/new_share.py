"""A share to be: the rules of its name, and how many a website may have."""

from typing import Any, ClassVar

from django.db import transaction

from config.api.errors import Conflict
from config.api.fields import Text
from config.api.rules import at_least, at_most
from config.api.serializers import StrictSerializer
from websites.models import Share, Website
from websites.new_website import existing
from websites.shares import IssuedShare

MAX_SHARES = 100
TOO_MANY = f"A website has at most {MAX_SHARES} shares"


class NewShare(StrictSerializer):
    """A share to be."""

    name = Text(
        at_least(1, "Share name is required"),
        at_most(255, "Share name must be less than 255 characters"),
        sample="Our agency",
    )

    example: ClassVar[Any] = {"name": "Our agency"}


NEW = NewShare()


def issue_share(website: Website, *, name: str) -> IssuedShare:
    """Store a share; raises Conflict, and NotFound for a website that was deleted meanwhile."""
    with existing(), transaction.atomic(using="default"):
        # Locked, so that of two at the same time only one is the last that fits.
        Website.objects.select_for_update().get(pk=website.pk)
        shares = Share.objects.filter(website=website)
        if shares.count() >= MAX_SHARES:
            raise Conflict(TOO_MANY)
        return shares.issue(website=website, name=name)
