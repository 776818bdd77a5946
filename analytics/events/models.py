"""Page views, clicks and custom events of websites."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self
from uuid import UUID

from django.db import models
from django.db.models.expressions import RawSQL

from analytics.events.deleted_websites import deleted_websites
from analytics.streams.base import Stream, StreamQuerySet, TextHash
from config.db.json_text import JsonTextField

if TYPE_CHECKING:
    from analytics.people.person import Person


class EventType(models.TextChoices):
    """What happened on the page."""

    PAGEVIEW = "pageview"
    CLICK = "click"
    CUSTOM = "custom"


class DeviceType(models.TextChoices):
    """What the page was seen on."""

    MOBILE = "mobile"
    TABLET = "tablet"
    DESKTOP = "desktop"


class EventQuerySet(StreamQuerySet):
    """Many events of websites."""

    def of_website(self, website_id: UUID) -> Self:
        return self.filter(website_id=website_id)

    def of_visitor(self, visitor_id: str, website_id: UUID | None = None) -> Self:
        """Return the events of a visitor, of one website or of all."""
        rows = self.filter(visitor_id__by_hash=visitor_id)
        return rows.filter(website_id=website_id) if website_id else rows

    def of_type(self, event_type: str) -> Self:
        """Return the events of one type; of an unknown type there are none."""
        known = event_type in EventType.values
        return self.filter(event_type=event_type) if known else self.none()


class EventRow(NamedTuple):
    """A row of the table, a value for each column, in its order."""

    id: UUID
    created_at: datetime
    website_id: UUID
    event_type: str
    url: str
    referrer: str | None
    session_id: str
    visitor_id: str
    device_type: str | None
    browser: str | None
    os: str | None
    location: str | None
    properties: str | None  # JSON text


class Event(Stream):
    """One event of a website, as its page sent it."""

    retention_setting: ClassVar = "event_retention_days"
    row: ClassVar = EventRow

    website_id = models.UUIDField()
    event_type = models.CharField(max_length=8, choices=EventType)
    url = models.TextField("URL")
    referrer = models.TextField(null=True)
    session_id = models.CharField(max_length=255)
    visitor_id = models.CharField(max_length=255)
    device_type = models.CharField(max_length=7, null=True, choices=DeviceType)
    browser = models.CharField(max_length=100, null=True)
    os = models.CharField("OS", max_length=100, null=True)
    location = models.CharField(max_length=100, null=True)
    properties = JsonTextField(null=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            # The list of a website: WHERE website_id = … [AND id < cursor] ORDER BY id DESC.
            models.Index(fields=["website_id", "id"], name="event_website_id"),
            # The admin's search: WHERE session_id__by_hash = …, WHERE visitor_id__by_hash = ….
            models.Index(TextHash("session_id"), name="event_session_hash"),
            models.Index(TextHash("visitor_id"), name="event_visitor_hash"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.url}"

    @classmethod
    def rows_of(cls, person: "Person") -> Sequence[EventQuerySet]:
        return [cls.objects.of_visitor(id, person.website_id) for id in person.visitor_ids]

    @classmethod
    def orphans(cls) -> Sequence[EventQuerySet]:
        return [cls.objects.of_website(id) for id in deleted_websites(cls)]

    @classmethod
    def before_delete(cls, low: UUID, high: UUID, table: str) -> None:
        from analytics.reports.derived import marks  # which are of events, and import this

        marks.mark_too_old(low, high, table)

    @classmethod
    def before_delete_rows(cls, rows: EventQuerySet) -> None:
        from analytics.reports.derived import marks

        marks.mark_deleted(rows)


class ClientContextRow(NamedTuple):
    """A row of client contexts, a value for each column, in its order."""

    id: UUID
    created_at: datetime
    website_id: UUID
    session_id: str
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
    is_bot: bool


class ClientContext(Stream):
    """Client context of a session, from the headers of a request; `created_at` is the event's.

    There may be several of a session, since each process stores one, and one more if the first page
    view comes later. For each column the earliest value counts, after what events say themselves.
    """

    retention_setting: ClassVar = "event_retention_days"
    row: ClassVar = ClientContextRow

    website_id = models.UUIDField()
    session_id = models.CharField(max_length=255)
    country = models.CharField(max_length=2, null=True, help_text="ISO 3166-1, two letters.")
    region = models.CharField(max_length=255, null=True)
    city = models.CharField(max_length=255, null=True)
    browser = models.CharField(max_length=255, null=True)
    browser_version = models.CharField(max_length=255, null=True)
    os = models.CharField("OS", max_length=255, null=True)
    os_version = models.CharField("OS version", max_length=255, null=True)
    device = models.CharField(max_length=7, null=True, choices=DeviceType)
    language = models.CharField(max_length=35, null=True)
    screen = models.CharField(max_length=11, null=True, help_text="Width x height in CSS pixels.")
    is_bot = models.BooleanField()

    objects = EventQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            # The contexts of sessions: WHERE website_id = … AND session_id__by_hash = ….
            models.Index("website_id", TextHash("session_id"), name="context_session_hash")
        ]

    def __str__(self) -> str:
        return f"{self.session_id}: {self.browser}, {self.os}"

    @classmethod
    def rows_of(cls, person: "Person") -> Sequence[EventQuerySet]:
        """Return those of sessions that no other visitor has a part in."""
        if not person.visitor_ids:
            return []
        ids = RawSQL(_CONTEXTS_OF, [list(person.visitor_ids)] * 3, models.UUIDField())
        rows = cls.objects.filter(id__in=ids)
        return [rows.of_website(person.website_id) if person.website_id else rows]

    @classmethod
    def orphans(cls) -> Sequence[EventQuerySet]:
        return [cls.objects.of_website(id) for id in deleted_websites(cls)]


# From the events of the visitor to their sessions, to the contexts of these, all by way of indexes.
_CONTEXTS_OF = """
WITH own AS MATERIALIZED (
    SELECT DISTINCT website_id, session_id FROM analytics_event
     WHERE hashtext(visitor_id) = ANY(ARRAY(SELECT hashtext(id) FROM unnest(%s::text[]) AS id))
       AND visitor_id = ANY(%s)
), shared AS MATERIALIZED (
    SELECT DISTINCT own.website_id, own.session_id
      FROM own JOIN analytics_event AS other
        ON hashtext(other.session_id) = hashtext(own.session_id)
       AND other.session_id = own.session_id AND other.website_id = own.website_id
     WHERE other.visitor_id <> ALL(%s)
)
SELECT context.id FROM (TABLE own EXCEPT TABLE shared) AS session
  JOIN analytics_clientcontext AS context
    ON context.website_id = session.website_id AND context.session_id = session.session_id
   AND hashtext(context.session_id) = hashtext(session.session_id)
"""
