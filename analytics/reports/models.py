"""What is derived from the events of websites, so that questions need not read the events.

Every row here can be made anew from the events, and rows are only ever replaced as a whole.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar, NamedTuple
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models

from analytics.events.deleted_websites import deleted_websites
from analytics.events.models import EventQuerySet, EventType
from analytics.streams.base import Stream, TextHash
from config.db import uuid7
from config.db.routers import ANALYTICS


class DirtyRange(models.Model):
    """Events that came or went, and are not in the derived rows yet.

    Inserted in the transaction of the events, one for each website and hour of UTC, and deleted by
    the rollup. So it is visible if and only if its events are. It locks nobody.
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

    def __str__(self) -> str:
        return f"{self.low} to {self.high}"


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


class WebsiteVisitor(models.Model):
    """The number of a visitor of a website, ascending from 1 by first sight."""

    home: ClassVar = ANALYTICS

    pk = models.CompositePrimaryKey("website_id", "visitor_id")
    website_id = models.UUIDField()
    visitor_id = models.CharField(max_length=255)
    number = models.IntegerField()

    class Meta:
        constraints: ClassVar = [
            # Also the next number: WHERE website_id = … ORDER BY number DESC LIMIT 1.
            models.UniqueConstraint(
                fields=["website_id", "number"], name="website_visitor_number_is_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.visitor_id}: {self.number}"


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


class WebsiteSessionRow(NamedTuple):
    """A row of website sessions, a value for each column, in its order."""

    id: UUID
    created_at: datetime
    website_id: UUID
    ended_at: datetime
    visitor: int
    page_views: int
    custom_events: int
    engaged_seconds: int
    timed_views: int
    scrolled_pages: int
    scroll_percents: int
    is_bot: bool
    is_irregular: bool
    is_truncated: bool
    session_id: str
    hostname: str | None
    entry_page: str | None
    exit_page: str | None
    source: str | None
    channel: str
    referrer: str | None
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    utm_term: str | None
    utm_content: str | None
    country: str | None
    region: str | None
    city: str | None
    browser: str | None
    browser_version: str | None
    os: str | None
    os_version: str | None
    device: str | None
    language: str | None
    screen: str | None
    hit_types: str
    hit_times: Sequence[int]
    hit_pages: Sequence[str]
    hit_names: Sequence[str | None] | None
    hit_hosts: Sequence[str | None] | None
    hit_seconds: Sequence[int | None] | None
    hit_scrolls: Sequence[int | None] | None
    hit_visitors: Sequence[int] | None


class WebsiteSession(Stream):
    """All events of a website with one `sessionId`; `id` and `created_at` are of the first one.

    Its hits are its events without the reserved ones, in order: one letter of `hit_types`, and one
    element of each `hit_` array, for each. The letter is upper case for the first hit of its kind
    with this page (views) or this name (others), so that sessions with a page or a name need not be
    told apart. The columns of fixed size come first: a scan reads each row up to the last column
    that it needs.
    """

    retention_setting: ClassVar = "statistics_retention_days"
    retention_default: ClassVar = "event_retention_days"
    row: ClassVar = WebsiteSessionRow

    website_id = models.UUIDField()
    ended_at = models.DateTimeField(help_text="Time of the last event.")
    visitor = models.IntegerField(help_text="Number of the visitor of the first event.")
    page_views = models.IntegerField()
    custom_events = models.IntegerField()
    engaged_seconds = models.IntegerField()
    timed_views = models.IntegerField(help_text="Page views that told how long they were used.")
    scrolled_pages = models.IntegerField(help_text="Pages that told their depth.")
    scroll_percents = models.IntegerField(help_text="Sum of the deepest of each of these.")
    is_bot = models.BooleanField()
    is_irregular = models.BooleanField(help_text="Over 24 hours, or of several visitors.")
    is_truncated = models.BooleanField(help_text="Has more hits than are kept.")
    session_id = models.CharField(max_length=255)
    hostname = models.TextField(null=True, help_text="Of the first page.")
    entry_page = models.TextField(null=True)
    exit_page = models.TextField(null=True)
    source = models.TextField(null=True, help_text="Where it came from, by name; null: direct.")
    channel = models.CharField(max_length=32)
    referrer = models.TextField(null=True, help_text="Host of the first event's referrer.")
    utm_source = models.TextField(null=True)
    utm_medium = models.TextField(null=True)
    utm_campaign = models.TextField(null=True)
    utm_term = models.TextField(null=True)
    utm_content = models.TextField(null=True)
    country = models.CharField(max_length=2, null=True, help_text="ISO 3166-1, two letters.")
    region = models.TextField(null=True)
    city = models.TextField(null=True)
    browser = models.TextField(null=True)
    browser_version = models.TextField(null=True)
    os = models.TextField("OS", null=True)
    os_version = models.TextField("OS version", null=True)
    device = models.CharField(max_length=7, null=True)
    language = models.CharField(max_length=35, null=True)
    screen = models.CharField(max_length=11, null=True, help_text="Width x height in CSS pixels.")
    hit_types = models.TextField(help_text="p: page view, c: custom, o: outbound, d: download, l.")
    hit_times = ArrayField(models.BigIntegerField(), help_text="Milliseconds since the start.")
    hit_pages = ArrayField(models.TextField())
    hit_names = ArrayField(models.TextField(null=True), null=True, help_text="Of events and links.")
    hit_hosts = ArrayField(
        models.TextField(null=True), null=True, help_text="If not all are `hostname`."
    )
    hit_seconds = ArrayField(
        models.IntegerField(null=True), null=True, help_text="Engaged seconds of page views."
    )
    hit_scrolls = ArrayField(
        models.SmallIntegerField(null=True),
        null=True,
        help_text="Deepest per cent of a page, at its first view.",
    )
    hit_visitors = ArrayField(
        models.IntegerField(), null=True, help_text="If not all are `visitor`."
    )

    objects = EventQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            # Those of a range: WHERE website_id = … AND id >= … AND id < ….
            models.Index(fields=["website_id", "id"], name="website_session_website_id"),
            # Those that cannot be taken as a whole: the same, with AND is_irregular.
            models.Index(
                fields=["website_id", "id"],
                name="website_session_irregular",
                condition=models.Q(is_irregular=True),
            ),
            # Those with more hits than are kept: the same, with AND is_truncated.
            models.Index(
                fields=["website_id", "id"],
                name="website_session_truncated",
                condition=models.Q(is_truncated=True),
            ),
            # The rollup: WHERE website_id = … AND session_id__by_hash = ….
            models.Index("website_id", TextHash("session_id"), name="website_session_hash"),
        ]

    def __str__(self) -> str:
        return f"{self.session_id}: {self.page_views} page views"

    @classmethod
    def orphans(cls, now: datetime) -> Sequence[EventQuerySet]:
        return [cls.objects.of_website(id) for id in deleted_websites(cls, now)]

    @classmethod
    def before_delete(cls, low: UUID, high: UUID) -> None:
        """Unseal the days of sessions that are too old; they are not made anew."""
        days = [uuid7.time_of(id).date() for id in (low, high)]
        around = (days[0] - timedelta(days=1), days[1] + timedelta(days=1))  # in any time zone
        for model in (SealedDay, Breakdown, VisitorSet):
            model.objects.filter(day__range=around).delete()
        EventFloor.raise_to(high)


class SealedDay(models.Model):
    """A local day of a website whose breakdown rows are right; other days are read from sessions.

    Only a cache: the rollup deletes it together with its rows when a session of the day changes.
    """

    home: ClassVar = ANALYTICS

    pk = models.CompositePrimaryKey("website_id", "day")
    website_id = models.UUIDField()
    day = models.DateField()
    timezone = models.CharField("time zone", max_length=64, help_text="Whose day it is.")
    sealed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.day}, {self.timezone}"


class Breakdown(models.Model):
    """Counts of one value of a dimension on one sealed day; of dimension `total`, of all sessions.

    Bots are left out. Sessions, and what is counted by them, count on the day on which they begin;
    page views, events and visitors on the day on which they happen.
    """

    home: ClassVar = ANALYTICS

    pk = models.CompositePrimaryKey("website_id", "dimension", "day", "position")
    website_id = models.UUIDField()
    day = models.DateField()
    dimension = models.CharField(max_length=16)
    position = models.SmallIntegerField(help_text="0 has most visitors.")
    is_other = models.BooleanField(help_text="The sum of the values beyond the first 10,000.")
    value = models.TextField(null=True)
    visitors = models.IntegerField()
    sessions = models.IntegerField()
    page_views = models.IntegerField()
    events = models.IntegerField(help_text="Custom ones; of a link: its clicks.")
    viewed_sessions = models.IntegerField(help_text="Those with a page view.")
    bounced_sessions = models.IntegerField(help_text="Those with exactly one page view.")
    engaged_sessions = models.IntegerField()
    duration_ms = models.BigIntegerField(help_text="Of the sessions.")
    timed_views = models.IntegerField(help_text="Page views that told how long they were used.")
    engaged_seconds = models.BigIntegerField(help_text="Of these page views.")
    scrolled_pages = models.IntegerField(help_text="Pages of sessions that told their depth.")
    scroll_percents = models.BigIntegerField(help_text="Sum of the deepest of each of these.")
    entries = models.IntegerField()
    exits = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.dimension} {self.value} on {self.day}"


class VisitorSet(models.Model):
    """The visitors of one row of a breakdown, apart from it: most questions read few sets."""

    home: ClassVar = ANALYTICS

    pk = models.CompositePrimaryKey("website_id", "dimension", "day", "position")
    website_id = models.UUIDField()
    day = models.DateField()
    dimension = models.CharField(max_length=16)
    position = models.SmallIntegerField()
    numbers = models.BinaryField(help_text="Numbers of the visitors, a roaring bitmap.")

    def __str__(self) -> str:
        return f"{self.dimension} {self.position} on {self.day}"
