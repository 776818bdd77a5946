"""A share to be: the rules of its name, and how many a website may have."""

from typing import Any, ClassVar

from config.api.fields import Text
from config.api.rules import at_least, at_most
from config.api.serializers import StrictSerializer
from websites.models import Share, Website
from websites.new_website import room_for_another
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
    shares = Share.objects.filter(website=website)
    with room_for_another(website, shares, MAX_SHARES, TOO_MANY):
        return shares.issue(website=website, name=name)
