"""Shares: tokens with which anybody reads the statistics of one website."""

import hashlib
import logging
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from django.db import Error, connections, models, transaction
from django.db.models import Q
from django.utils import timezone

from config.api.errors import StorageUnavailable
from config.db import uuid7

if TYPE_CHECKING:
    from websites.models import Website

TOKEN_BYTES = 32
USE_INTERVAL = timedelta(hours=1)  # within which a use is not stored again
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")  # what `token_urlsafe` makes of so many bytes
logger = logging.getLogger(__name__)


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
    last_used_at = models.DateTimeField(null=True, editable=False)

    objects = ShareQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return self.name

    @property
    def created_at(self) -> datetime:
        return uuid7.time_of(self.id)

    def record_use(self) -> None:
        """Store that it is used now, if the last use is an hour old; a failure is only logged.

        Nobody waits for another request that stores the same.
        """
        last = timezone.now() - USE_INTERVAL
        if self.last_used_at is not None and self.last_used_at > last:
            return
        unused = Share.objects.filter(Q(last_used_at=None) | Q(last_used_at__lte=last), pk=self.pk)
        try:
            with transaction.atomic(using="default"):
                if _takes_writes() and unused.select_for_update(skip_locked=True).first():
                    Share.objects.filter(pk=self.pk).update(last_used_at=timezone.now())
        except (Error, StorageUnavailable):
            logger.warning("The use of a share is not stored", exc_info=True)


def is_share_token(text: str) -> bool:
    """Return whether a text has the form of a share's token, which no access token has."""
    return _TOKEN.fullmatch(text) is not None


def _takes_writes() -> bool:
    """Return whether the database takes writes: to try would drop the connection if it does not."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT current_setting('transaction_read_only') = 'off'")
        [takes_writes] = cursor.fetchone()
    return bool(takes_writes)


def _hash(token: str) -> str:
    """Return what is stored of a token; it is random enough to need no salt and no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()
