"""Interaction events of logged-in browsers."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self
from uuid import UUID

from django.db import models

from analytics.streams.base import Stream, StreamQuerySet
from config.db import uuid7
from config.db.json_text import JsonTextField

if TYPE_CHECKING:
    from analytics.people.person import Person

DASHBOARD_TYPES = ("page_view", "button_click", "form_submit", "error_encountered")
_PUBLIC_ID = re.compile(r"evt_([0-9a-f]{32})")


class CollectedEventQuerySet(StreamQuerySet):
    """Many collected events."""

    def for_user(self, user_id: UUID) -> Self:
        return self.filter(user_id=user_id)

    def of_type(self, event_type: str) -> Self:
        return self.filter(event_type=event_type)

    def counts_of_today(self) -> dict[str, int]:
        """Return how many events of the day (UTC) there are of each type of the dashboard."""
        start = uuid7.now().replace(hour=0, minute=0, second=0, microsecond=0)
        today = self.between(start, start + timedelta(days=1))
        counted = today.filter(event_type__in=DASHBOARD_TYPES).values_list("event_type")
        found = counted.annotate(events=models.Count("id")).order_by()
        return dict.fromkeys(DASHBOARD_TYPES, 0) | dict(found)


class CollectedEventRow(NamedTuple):
    """A row of the table, a value for each column, in its order."""

    id: UUID
    created_at: datetime
    received_at: datetime
    user_id: UUID
    event_type: str
    event_data: str  # JSON text
    ip_hash: str


class CollectedEvent(Stream):
    """One interaction of a user; neither address nor User-Agent is stored."""

    retention_setting: ClassVar = "collect_retention_days"
    row: ClassVar = CollectedEventRow

    received_at = models.DateTimeField(editable=False)
    user_id = models.UUIDField()
    event_type = models.CharField(max_length=64)
    event_data = JsonTextField()
    ip_hash = models.CharField(
        "IP hash", max_length=32, help_text="Mark of the address, of one day of UTC."
    )

    objects = CollectedEventQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            # The admin's filter and search: WHERE user_id = … [AND id < cursor] ORDER BY id DESC;
            # and the counts of a user's day: WHERE user_id = … AND id >= … AND id < ….
            models.Index(fields=["user_id", "id"], name="collect_user_id"),
            # The admin's filter: WHERE event_type = … [AND id < cursor] ORDER BY id DESC; and the
            # counts of a day, from the index alone: WHERE event_type IN (…) AND id >= … AND id < ….
            models.Index(fields=["event_type", "id"], name="collect_type_id"),
        ]

    def __str__(self) -> str:
        return self.event_type

    @classmethod
    def rows_of(cls, person: "Person") -> Sequence[CollectedEventQuerySet]:
        return [cls.objects.for_user(person.user_id)] if person.user_id else []


def public_id(id: UUID) -> str:
    return f"evt_{id.hex}"


def parse_id(text: str) -> UUID | None:
    """Return the id in a text, in its public or canonical form; None when there is none."""
    public = _PUBLIC_ID.fullmatch(text)
    return UUID(public[1]) if public else uuid7.parse(text)
