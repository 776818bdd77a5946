"""The state of the rollup: what waits for it, totals of events, and what it has done"""

from typing import ClassVar
from uuid import UUID

from django.db import models

from analytics.events.models import EventType
from config.db import uuid7
from config.db.routers import ANALYTICS


class DirtyRange(models.Model):
    """Events that came or went, and are not in the derived rows yet.

    Inserted in the transaction of the events, and deleted by the rollup. So it is visible if and
    only if its events are. It locks nobody. Of new events there is one for each website and minutes
    in which they came; of deleted ones, one for each session.
    """

    home: ClassVar = ANALYTICS

    pk = models.CompositePrimaryKey("website_id", "id")
    id = models.UUIDField(default=uuid7.new_id_now, editable=False)
    website_id = models.UUIDField()
    low = models.UUIDField(help_text="The lowest id of the events.")
    high = models.UUIDField(help_text="The highest id of the events.")
    page_views = models.IntegerField(help_text="Events that came; fewer than 0 if they went.")
    clicks = models.IntegerField()
    custom_events = models.IntegerField()
    session_id = models.CharField(
        max_length=255,
        null=True,
        help_text="Of the one session to be made anew; null: of those in the range.",
    )

    def __str__(self) -> str:
        return self.session_id or f"{self.low} to {self.high}"


class EventTotal(models.Model):
    """The number of a website's events of one type, without those of its dirty ranges."""

    home: ClassVar = ANALYTICS

    pk = models.CompositePrimaryKey("website_id", "event_type")
    website_id = models.UUIDField()
    event_type = models.CharField(max_length=8, choices=EventType)
    events = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.event_type}: {self.events}"


class EventFloor(models.Model):
    """Below which id events were deleted because of their age.

    Sessions that began below it are not made anew, since some of their events may be gone.
    """

    home: ClassVar = ANALYTICS

    id = models.UUIDField(primary_key=True)

    def __str__(self) -> str:
        return str(self.id)

    @classmethod
    def current(cls) -> UUID:
        floor = cls.objects.values_list("id", flat=True).order_by("-id").first()
        return floor or uuid7.LOWEST

    @classmethod
    def raise_to(cls, floor: UUID) -> None:
        """Raise it, unless it is as high; within the transaction that deletes the events."""
        EventFloor.objects.bulk_create([EventFloor(id=floor)], ignore_conflicts=True)
        cls.objects.filter(id__lt=floor).delete()


class WebsiteRules(models.Model):
    """The rules of a website with which its sessions are, or are marked to be, made.

    They stand in the other database too. Here they change in the transaction that marks the
    sessions, so that a process which dies in between forgets nothing.
    """

    home: ClassVar = ANALYTICS

    website_id = models.UUIDField(primary_key=True)
    fingerprint = models.CharField(max_length=64)

    def __str__(self) -> str:
        return self.fingerprint


class HeavySession(models.Model):
    """A session of so many events that it waits a while before it is made anew."""

    home: ClassVar = ANALYTICS

    pk = models.CompositePrimaryKey("website_id", "session_id")
    website_id = models.UUIDField()
    session_id = models.CharField(max_length=255)
    made_at = models.DateTimeField()
    is_marked = models.BooleanField(help_text="Has events that came or went since.")

    def __str__(self) -> str:
        return self.session_id


class RollupCheck(models.Model):
    """A check of sessions and totals against the events."""

    home: ClassVar = ANALYTICS

    id = models.UUIDField(primary_key=True, default=uuid7.new_id_now, editable=False)
    checked = models.BigIntegerField(help_text="Sessions, totals and sealed days.")
    differences = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.checked} checked, {self.differences} differ"
