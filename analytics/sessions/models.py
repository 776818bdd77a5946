"""Sessions of visitors and the page views in them."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self
from uuid import UUID

from django.db import models

from analytics.sessions.visitors import hash_visitor_id
from analytics.streams.base import Stream, StreamQuerySet

if TYPE_CHECKING:
    from analytics.people.person import Person


class SessionQuerySet(StreamQuerySet):
    """Many sessions."""

    def for_user(self, user_id: UUID) -> Self:
        return self.filter(user_id=user_id)

    def of_person(self, person: "Person") -> Self:
        """Return the sessions of a person: named ones, and the anonymous ones of their visitors."""
        if person.website_id:
            return self.none()
        hashes = [hash_visitor_id(id) for id in person.visitor_ids]
        named = models.Q(visitor_hash__in=hashes)
        for name, id in (("user_id", person.user_id), ("id", person.session_id)):
            named |= models.Q(**{name: id}) if id else models.Q()
        visitors = self.filter(named).values("visitor_hash")
        return self.filter(named | models.Q(user_id=None, visitor_hash__in=visitors))


class SessionRow(NamedTuple):
    """A row of sessions, a value for each column, in the order of the table."""

    id: UUID
    created_at: datetime
    visitor_hash: str
    user_id: UUID | None
    bio_page_id: UUID | None
    referrer: str | None
    referrer_domain: str
    landing_page: str | None
    device: str | None
    browser: str | None
    os: str | None
    os_version: str | None
    timezone: str | None
    language: str | None
    country: str | None
    city: str | None
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    utm_term: str | None
    utm_content: str | None
    screen_width: int | None
    screen_height: int | None
    page_views: int
    bounced: bool
    duration_seconds: int
    last_active_at: datetime
    last_heartbeat_at: datetime | None


class Session(Stream):
    """One visit, which started at `created_at`."""

    retention_setting: ClassVar = "session_retention_days"
    index_fill_percent: ClassVar = 90  # for further versions of a row
    row: ClassVar = SessionRow

    visitor_hash = models.CharField(max_length=64)
    user_id = models.UUIDField(null=True)
    bio_page_id = models.UUIDField(null=True)
    referrer = models.TextField(null=True)
    referrer_domain = models.TextField()
    landing_page = models.TextField(null=True)
    device = models.TextField(null=True)
    browser = models.TextField(null=True)
    os = models.TextField("OS", null=True)
    os_version = models.TextField("OS version", null=True)
    timezone = models.TextField(null=True)
    language = models.TextField(null=True)
    country = models.TextField(null=True)
    city = models.TextField(null=True)
    utm_source = models.TextField("UTM source", null=True)
    utm_medium = models.TextField("UTM medium", null=True)
    utm_campaign = models.TextField("UTM campaign", null=True)
    utm_term = models.TextField("UTM term", null=True)
    utm_content = models.TextField("UTM content", null=True)
    screen_width = models.IntegerField(null=True)
    screen_height = models.IntegerField(null=True)
    page_views = models.IntegerField(default=0)
    bounced = models.BooleanField(default=True)
    duration_seconds = models.IntegerField(default=0)
    last_active_at = models.DateTimeField()
    last_heartbeat_at = models.DateTimeField(null=True)

    objects = SessionQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            # The sessions of a user: WHERE user_id = … [AND id < cursor] ORDER BY id DESC.
            models.Index(
                fields=["user_id", "id"],
                name="session_user_id",
                condition=models.Q(user_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.referrer_domain} {self.id}"

    @classmethod
    def rows_of(cls, person: "Person") -> Sequence[SessionQuerySet]:
        return [cls.objects.of_person(person)]


class PageViewQuerySet(StreamQuerySet):
    """Many page views."""

    def of_session(self, session_id: UUID) -> Self:
        return self.filter(session_id=session_id)


class PageViewRow(NamedTuple):
    """A row of page views, a value for each column, in the order of the table."""

    id: UUID
    created_at: datetime
    session_id: UUID
    path: str
    title: str | None
    referrer: str | None
    bio_page_id: UUID | None
    link_clicked: UUID | None
    duration_seconds: float | None
    scroll_depth: float | None


class PageView(Stream):
    """One page that was viewed in a session, entered at `created_at`."""

    retention_setting: ClassVar = "session_retention_days"
    index_fill_percent: ClassVar = 90  # for further versions of a row
    row: ClassVar = PageViewRow

    session_id = models.UUIDField()
    path = models.TextField()
    title = models.TextField(null=True)
    referrer = models.TextField(null=True)
    bio_page_id = models.UUIDField(null=True)
    link_clicked = models.UUIDField(null=True)
    duration_seconds = models.FloatField(null=True)
    scroll_depth = models.FloatField(null=True)

    objects = PageViewQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            # The page views of a session, and the latest one before another:
            # WHERE session_id = … [AND id < …] ORDER BY id DESC [LIMIT 1].
            models.Index(fields=["session_id", "id"], name="pageview_session_id"),
        ]

    def __str__(self) -> str:
        return self.path

    @classmethod
    def rows_of(cls, person: "Person") -> Sequence[PageViewQuerySet]:
        sessions = Session.objects.of_person(person)
        return [cls.objects.filter(session_id__in=sessions.values("id"))]
