"""Deleted accounts whose traces are still to be erased"""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models

from config.db import uuid7

# After which no request of the account is at work any more: tokens end within two seconds.
SETTLED = timedelta(seconds=15)


class ErasureRequest(models.Model):
    """An account that was closed; the rest goes in the background (analytics/people/waiting.py)."""

    id = models.UUIDField(primary_key=True, default=uuid7.new_id_now, editable=False)
    # No foreign key: the row of the user goes before, if that takes no time.
    user_id = models.UUIDField(unique=True)

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return str(self.user_id)

    @property
    def requested_at(self) -> datetime:
        return uuid7.time_of(self.id)

    @property
    def is_settled(self) -> bool:
        return self.requested_at + SETTLED <= uuid7.now()
