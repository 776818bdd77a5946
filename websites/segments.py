"""Segments: filters of a website's statistics under a name"""

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from django.db import models

from config.db import uuid7

if TYPE_CHECKING:
    from websites.models import Website


class SegmentQuerySet(models.QuerySet["Segment"]):
    def of_website(self, website_id: UUID) -> "SegmentQuerySet":
        return self.filter(website_id=website_id)

    def remove(self, website_id: UUID, id: str) -> bool:
        """Delete a segment of a website; return whether there was one."""
        found = uuid7.parse(id)
        return found is not None and self.of_website(website_id).filter(id=found).delete()[0] > 0


class Segment(models.Model):
    """Conditions under a name; query: as a link states them, such as country=DE&page__not=/."""

    id = models.UUIDField(primary_key=True, default=uuid7.new_id_now, editable=False)
    website: "models.ForeignKey[Website, Website]" = models.ForeignKey(
        "websites.Website", on_delete=models.CASCADE, related_name="segments"
    )
    name = models.CharField(max_length=255)
    query = models.TextField()

    objects = SegmentQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint("website", "name", name="segment_name_is_unique_per_website")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def created_at(self) -> datetime:
        return uuid7.time_of(self.id)
