"""Sessions and visitors of websites, derived from events so that questions need not read these.

Every row can be made anew from the events, and rows are only ever replaced as a whole. The state of
the rollup and the sealed days have modules of their own, which are imported here for Django.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, NamedTuple
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.lookups import GreaterThan

from analytics.events.deleted_websites import deleted_websites
from analytics.events.models import EventQuerySet
from analytics.reports.derived.rollup_models import (
    DirtyRange,
    EventFloor,
    EventTotal,
    HeavySession,
    RollupCheck,
    WebsiteRules,
)
from analytics.reports.derived.sealed_models import (
    OF_DAYS,
    OF_HOURS,
    Breakdown,
    DayColumn,
    SealedDay,
    SealedWeek,
    VisitorSet,
)
from analytics.streams.base import Stream, TextHash
from config.db import uuid7
from config.db.routers import ANALYTICS

if TYPE_CHECKING:
    from analytics.people.person import Person

__all__ = [
    "Breakdown",
    "DayColumn",
    "DirtyRange",
    "EventFloor",
    "EventTotal",
    "HeavySession",
    "RollupCheck",
    "SealedDay",
    "VisitorSet",
    "WebsiteRules",
    "WebsiteSession",
    "WebsiteSessionRow",
    "WebsiteVisitor",
]


class WebsiteVisitorQuerySet(models.QuerySet["WebsiteVisitor"]):
    def of_person(self, person: "Person") -> "WebsiteVisitorQuerySet":
        """Return the numbers of a person, at one website or at all of them."""
        rows = self.filter(visitor_id__in=person.visitor_ids)
        return rows.filter(website_id=person.website_id) if person.website_id else rows


class WebsiteVisitor(models.Model):
    """The number of a visitor of a website, ascending from 1 by first sight."""

    home: ClassVar = ANALYTICS

    pk = models.CompositePrimaryKey("website_id", "visitor_id")
    website_id = models.UUIDField()
    visitor_id = models.CharField(max_length=255)
    number = models.IntegerField()

    objects = WebsiteVisitorQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            # Also the next number: WHERE website_id = … ORDER BY number DESC LIMIT 1.
            models.UniqueConstraint(
                fields=["website_id", "number"], name="website_visitor_number_is_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.visitor_id}: {self.number}"


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
    distinguished. The columns of fixed size come first: a scan reads each row up to the last column
    that it needs.
    """

    retention_setting: ClassVar = "statistics_retention_days"
    retention_default: ClassVar = "event_retention_days"
    index_fill_percent: ClassVar = 90  # for further versions of a row
    distributed_by: ClassVar = "website_id"
    row: ClassVar = WebsiteSessionRow

    website_id = models.UUIDField()
    ended_at = models.DateTimeField(help_text="Time of the last event.")
    visitor = models.IntegerField(help_text="Number of the visitor of the first event.")
    page_views = models.IntegerField()
    custom_events = models.IntegerField()
    engaged_seconds = models.IntegerField()
    timed_views = models.IntegerField(help_text="Page views whose engaged time is known.")
    scrolled_pages = models.IntegerField(help_text="Pages whose scroll depth is known.")
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
            # Those that may reach into a range from the day before: the same, with AND
            # ended_at - created_at > interval '1 hour'.
            models.Index(
                fields=["website_id", "id"],
                name="website_session_long",
                condition=models.Q(
                    GreaterThan(models.F("ended_at") - models.F("created_at"), timedelta(hours=1))
                ),
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
    def rows_of(cls, person: "Person") -> Sequence[EventQuerySet]:
        """Return those in which the person has a part, a query for each number of the person."""
        return [cls.with_hits_of(each) for each in WebsiteVisitor.objects.of_person(person)]

    @classmethod
    def with_hits_of(cls, visitor: WebsiteVisitor) -> EventQuerySet:
        number = visitor.number
        is_among_several = models.Q(is_irregular=True, hit_visitors__contains=[number])
        rows = cls.objects.of_website(visitor.website_id)
        return rows.filter(models.Q(visitor=number) | is_among_several)

    @classmethod
    def orphans(cls) -> Sequence[EventQuerySet]:
        return [cls.objects.of_website(id) for id in deleted_websites(cls)]

    @classmethod
    def before_delete(cls, low: UUID, high: UUID, table: str) -> None:
        """Unseal the days of sessions that are too old; they are not made anew."""
        days = [uuid7.time_of(id).date() for id in (low, high)]
        around = (days[0] - timedelta(days=1), days[1] + timedelta(days=1))  # in any time zone
        for of_day in OF_DAYS:
            of_day.objects.filter(day__range=around).delete()
        for of_hour in OF_HOURS:
            of_hour.objects.filter(start__date__range=around).delete()
        weeks = SealedWeek.objects.filter(start__date__lte=around[1], end__date__gte=around[0])
        weeks.delete()
        EventFloor.raise_to(high)
