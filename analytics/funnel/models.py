"""Funnel events of logged-in users; in the main database, where they join the users."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self
from uuid import UUID

from django.conf import settings
from django.db import models

from analytics.streams.base import Stream, StreamQuerySet, TextHash
from config.db.json_text import JsonTextField
from config.db.routers import MAIN

if TYPE_CHECKING:
    from analytics.people.person import Person


class FunnelEventQuerySet(StreamQuerySet):
    """Many funnel events."""

    def for_user(self, user_id: UUID) -> Self:
        return self.filter(user_id=user_id)

    def of_type(self, event_type: str) -> Self:
        return self.filter(event_type__by_hash=event_type)


class FunnelEventRow(NamedTuple):
    """A row of the table, a value for each column, in its order."""

    id: UUID
    created_at: datetime
    user_id: UUID
    session_id: str | None
    event_type: str
    event_data: str  # JSON text


class FunnelEvent(Stream):
    """One step of a user through a funnel."""

    home: ClassVar = MAIN
    retention_setting: ClassVar = "track_retention_days"
    row: ClassVar = FunnelEventRow

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        # PostgreSQL deletes them with their user. With CASCADE the admin would load all of them
        # before it asks for confirmation, and then refuse, since no one may delete an event there.
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_index=False,
    )
    session_id = models.TextField(null=True)
    event_type = models.TextField()
    event_data = JsonTextField()

    objects = FunnelEventQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            # The events of a user: WHERE user_id = … [AND id < cursor] ORDER BY id DESC; and the
            # deletion of a user: DELETE … WHERE user_id = ….
            models.Index(fields=["user_id", "id"], name="funnel_user_id"),
            # The admin's filter: WHERE event_type__by_hash = … ORDER BY id DESC. Texts of any
            # length fit in, which an index of the text itself would refuse.
            models.Index(TextHash("event_type"), "id", name="funnel_type_hash_id"),
            # The admin's search: WHERE session_id__by_hash = ….
            models.Index(TextHash("session_id"), name="funnel_session_hash"),
        ]

    def __str__(self) -> str:
        return self.event_type[:100]  # it may be a megabyte

    @classmethod
    def rows_of(cls, person: "Person") -> Sequence[FunnelEventQuerySet]:
        return [cls.objects.for_user(person.user_id)] if person.user_id else []
