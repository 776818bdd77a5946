"""Shares: tokens with which anybody reads the statistics of one website."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from django.db import models

from config.db import uuid7

if TYPE_CHECKING:
    from websites.models import Website

TOKEN_BYTES = 32
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")  # what `token_urlsafe` makes of so many bytes


@dataclass(frozen=True, slots=True)
class IssuedShare:
    """A new share with its token, which nobody can read again."""

    id: UUID
    name: str
    created_at: datetime
    token: str


class ShareQuerySet(models.QuerySet["Share"]):
    def issue(self, **fields: Any) -> IssuedShare:
        """Store a share under a new token."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        share = self.create(token_hash=_hash(token), **fields)
        return IssuedShare(share.id, share.name, share.created_at, token)

    def of_token(self, token: str) -> "Share | None":
        """Return the share of a token, read anew each time: one that is revoked ends at once."""
        if not is_share_token(token):
            return None
        shares = self.filter(token_hash=_hash(token), website__user__is_active=True)
        return shares.select_related("website").first()

    def revoke(self, website: "Website", id: str) -> bool:
        """Delete a share of a website; return whether there was one."""
        share_id = uuid7.parse(id)
        return share_id is not None and self.filter(website=website, id=share_id).delete()[0] > 0


class Share(models.Model):
    """A token that opens the statistics of a website; revoked by its deletion."""

    id = models.UUIDField(primary_key=True, default=uuid7.new_id_now, editable=False)
    website: "models.ForeignKey[Website, Website]" = models.ForeignKey(
        "websites.Website", on_delete=models.CASCADE, related_name="shares"
    )
    name = models.CharField(max_length=255)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)

    objects = ShareQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return self.name

    @property
    def created_at(self) -> datetime:
        return uuid7.time_of(self.id)


def is_share_token(text: str) -> bool:
    """Return whether a text has the form of a share's token, which no access token has."""
    return _TOKEN.fullmatch(text) is not None


def _hash(token: str) -> str:
    """Return what is stored of a token; it is random enough to need no salt and no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()
