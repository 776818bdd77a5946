"""Activity: requests that the service answered, and events of front ends."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self
from uuid import UUID

from django.db import models
from django.db.models.functions import Cast

from activity.event_types import REQUEST
from analytics.sessions.models import Session
from analytics.streams.base import Stream, StreamQuerySet, TextHash
from config.db.json_text import JsonTextField

if TYPE_CHECKING:
    from analytics.people.person import Person


class StatusClass(models.Func):
    """The hundreds of an HTTP status: 4 for 404."""

    template = "(%(expressions)s / 100)"
    output_field = models.IntegerField()


PREFIX = "frontend_"  # of the types of what front ends send, and of no others
# The recorder's rows belong to no caller, whoever made the request.
OWNER = models.Case(
    models.When(event_type__startswith=PREFIX, then="user_id"),
    default=models.Value("recorder"),
    output_field=models.TextField(),
)


class ActivityEventQuerySet(StreamQuerySet):
    """Many rows of activity."""

    def of_type(self, event_type: str) -> Self:
        return self.filter(event_type__by_hash=event_type)

    def for_user(self, user_id: UUID) -> Self:
        return self.filter(user_id__by_hash=str(user_id))

    def of_status_class(self, hundreds: int) -> Self:
        """Return the rows whose status is one of a hundred, such as 4 for 400 to 499."""
        rows = self.annotate(status_class=StatusClass("status_code")).filter(status_class=hundreds)
        # PostgreSQL does not see by itself that the partial index has them all.
        return rows.filter(status_code__gte=300) if hundreds >= 3 else rows


class ActivityRow(NamedTuple):
    """A row of activity, a value for each column, in the order of the table."""

    id: UUID
    created_at: datetime
    event_type: str
    user_id: str | None
    session_id: str | None
    project_id: str | None
    method: str
    path: str
    status_code: int
    duration_ms: int
    metadata: str  # JSON text


class ActivityEvent(Stream):
    """One request, or one event of a front end or of the host project."""

    retention_setting: ClassVar = "activity_retention_days"
    row: ClassVar = ActivityRow

    event_type = models.TextField()
    user_id = models.TextField(null=True)
    session_id = models.TextField(null=True)
    project_id = models.TextField(null=True)
    method = models.TextField()
    path = models.TextField()
    status_code = models.SmallIntegerField()
    duration_ms = models.IntegerField()
    metadata = JsonTextField()

    objects = ActivityEventQuerySet.as_manager()

    class Meta:
        db_table = "activity_events"
        verbose_name = "activity"
        verbose_name_plural = "activity"
        # All of them partial: most requests are anonymous successes, which no index holds.
        indexes: ClassVar = [
            # The admin's filter: WHERE event_type__by_hash = … ORDER BY id DESC.
            models.Index(
                TextHash("event_type"),
                "id",
                name="activity_type_hash_id",
                condition=~models.Q(event_type=REQUEST),
            ),
            # The admin's filter: WHERE status_code / 100 = … ORDER BY id DESC.
            models.Index(
                StatusClass("status_code"),
                "id",
                name="activity_status_class_id",
                condition=models.Q(status_code__gte=300),
            ),
            # What a user did: WHERE user_id__by_hash = … ORDER BY id DESC.
            models.Index(
                TextHash("user_id"),
                "id",
                name="activity_user_hash_id",
                condition=models.Q(user_id__isnull=False),
            ),
            # The admin's search: WHERE session_id__by_hash = …, WHERE project_id__by_hash = ….
            models.Index(
                TextHash("session_id"),
                name="activity_session_hash",
                condition=models.Q(session_id__isnull=False),
            ),
            models.Index(
                TextHash("project_id"),
                name="activity_project_hash",
                condition=models.Q(project_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.method} {self.path}"

    @classmethod
    def rows_of(cls, person: "Person") -> Sequence[ActivityEventQuerySet]:
        """Return those of the user, and those of others that belong to sessions of the person."""
        text = Cast("id", models.TextField())
        sessions = Session.objects.of_person(person).values(name=text)
        rows = cls.objects.filter(session_id__isnull=False, session_id__in=sessions)
        # The hash finds them by the index.
        rows = rows.annotate(session_hash=TextHash("session_id")).filter(
            session_hash__in=sessions.values(hash=TextHash(text))
        )
        if person.user_id is None:
            return [rows]
        return [cls.objects.for_user(person.user_id), rows.exclude(user_id=str(person.user_id))]
