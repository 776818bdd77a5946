"""Platform events: what the users of a product do, in categories."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self
from uuid import UUID

from django.db import models
from django.db.models.functions import TruncHour

from analytics.platform import totals
from analytics.streams.base import Stream, StreamQuerySet, TextHash
from config.db.json_text import JsonTextField

if TYPE_CHECKING:
    from analytics.people.person import Person


class Category(models.TextChoices):
    """What an event is about."""

    PAGE_VIEW = "page_view"
    USER_ACTION = "user_action"
    TRADING = "trading"
    AUTH = "auth"
    ERROR = "error"
    PERFORMANCE = "performance"
    FEATURE = "feature"
    SYSTEM = "system"


class Priority(models.TextChoices):
    """How much an event matters."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class PlatformEventQuerySet(StreamQuerySet):
    """Many platform events."""

    def for_user(self, user_id: UUID) -> Self:
        return self.filter(user_id=user_id)

    def named(self, event_name: str) -> Self:
        return self.filter(event_name__by_hash=event_name)

    def of_category(self, category: str) -> Self:
        """Return the events of one category.

        The hourly totals bound the search: a category that has not occurred for months would
        else be looked for in all these months.
        """
        end = totals.end_of(category)
        return self.filter(category=category).between(None, end) if end else self.none()

    def of_priority(self, priority: str) -> Self:
        return self.filter(priority=priority)

    def by_hour(self) -> Mapping[tuple[str, datetime], int]:
        """Return the number of events of each category in each hour of UTC that has any."""
        hour = TruncHour("created_at", tzinfo=UTC)
        groups = self.order_by().values_list("category", hour).annotate(models.Count("id"))
        return {(category, at): events for category, at, events in groups}


class PlatformEventRow(NamedTuple):
    """A row of the table, a value for each column, in its order."""

    id: UUID
    created_at: datetime
    user_id: UUID
    event_name: str
    category: str
    priority: str
    properties: str  # JSON text
    session_id: str | None
    page_url: str | None
    referrer: str | None
    user_agent: str | None
    client_id: str | None


class PlatformEvent(Stream):
    """One event of a user; analytics/platform/totals.py counts them all."""

    retention_setting: ClassVar = "platform_retention_days"
    row: ClassVar = PlatformEventRow

    user_id = models.UUIDField()
    event_name = models.CharField(max_length=100)
    category = models.CharField(max_length=11, choices=Category)
    priority = models.CharField(max_length=8, choices=Priority)
    properties = JsonTextField()
    session_id = models.TextField(null=True)
    page_url = models.TextField("page URL", null=True)
    referrer = models.TextField(null=True)
    user_agent = models.TextField(null=True)
    client_id = models.TextField(null=True)

    objects = PlatformEventQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            # The admin's search of a user: WHERE user_id = … [AND id < cursor] ORDER BY id DESC.
            models.Index(fields=["user_id", "id"], name="platform_user_id"),
            # Its filter of names, the same way: WHERE event_name__by_hash = … ORDER BY id DESC.
            models.Index(TextHash("event_name"), "id", name="platform_name_hash_id"),
            # Its filters WHERE category = … and WHERE priority = …, ORDER BY id DESC LIMIT 51. Of
            # a rare value these give all rows; of a frequent one the primary key soon finds a
            # page. They take 7 bytes an event each, where indexes that end in id take 60.
            models.Index(fields=["category"], name="platform_category"),
            models.Index(fields=["priority"], name="platform_priority"),
        ]

    def __str__(self) -> str:
        return self.event_name

    @classmethod
    def rows_of(cls, person: "Person") -> Sequence[PlatformEventQuerySet]:
        return [cls.objects.for_user(person.user_id)] if person.user_id else []

    @classmethod
    def before_delete_rows(cls, rows: Any) -> None:
        counted = rows.by_hour()
        totals.add({key: -events for key, events in counted.items()})
        totals.drop_empty_hours({hour for _, hour in counted})
