"""Annotations: notes at days or instants, which the chart of a website shows"""

from datetime import date, datetime
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from django.db import models
from django.db.models import Q

from config.db import uuid7

if TYPE_CHECKING:
    from websites.models import Website


class AnnotationQuerySet(models.QuerySet["Annotation"]):
    def of_website(self, website_id: UUID) -> "AnnotationQuerySet":
        return self.filter(website_id=website_id)

    def public(self) -> "AnnotationQuerySet":
        """Return those that shares show, too."""
        return self.filter(is_public=True)

    def within(
        self, start: datetime, end: datetime, days: tuple[date, date]
    ) -> "AnnotationQuerySet":
        """Return those at instants from start until end, or at days of which both are meant."""
        return self.filter(Q(at__gte=start, at__lt=end) | Q(day__range=days))

    def remove(self, website_id: UUID, id: str) -> bool:
        """Delete an annotation of a website; return whether there was one."""
        found = uuid7.parse(id)
        return found is not None and self.of_website(website_id).filter(id=found).delete()[0] > 0


class Annotation(models.Model):
    """A note at a day of whatever time zone the chart has, or at an instant."""

    id = models.UUIDField(primary_key=True, default=uuid7.new_id_now, editable=False)
    website: "models.ForeignKey[Website, Website]" = models.ForeignKey(
        "websites.Website", on_delete=models.CASCADE, related_name="annotations"
    )
    day = models.DateField(null=True)
    at = models.DateTimeField(null=True)
    text = models.TextField()
    is_public = models.BooleanField(default=False)

    objects = AnnotationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(day=None, at__isnull=False) | Q(day__isnull=False, at=None),
                name="annotation_is_at_a_day_or_an_instant",
            )
        ]

    def __str__(self) -> str:
        return self.text

    @property
    def when(self) -> date | datetime:
        """The day, or the instant."""
        when = self.at or self.day
        assert when
        return when

    @when.setter
    def when(self, when: date | datetime) -> None:
        is_instant = isinstance(when, datetime)
        self.day, self.at = (None, when) if is_instant else (when, None)

    @property
    def created_at(self) -> datetime:
        return uuid7.time_of(self.id)
