"""Goals and funnels of websites: definitions alone, so that they count what came before them."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db import models

from config.db import uuid7
from websites.steps import Step

SCOPES = (SESSION, VISITOR) = ("session", "visitor")
ORDERS = (SEQUENTIAL, STRICT) = ("sequential", "strict")
MAX_PER_WEBSITE = 50  # of each: all goals are counted together


class OfWebsite(models.QuerySet[Any]):
    def of_website(self, website_id: UUID) -> "OfWebsite":
        return self.filter(website_id=website_id)


class Goal(models.Model):
    """Something that visitors of a website are to do."""

    id = models.UUIDField(primary_key=True, default=uuid7.new_id_now, editable=False)
    website = models.ForeignKey("Website", on_delete=models.CASCADE, related_name="goals")
    name = models.CharField(max_length=255)
    kind = models.CharField(max_length=5)
    value = models.TextField(help_text="Pattern of pages, or name of custom events.")
    properties = models.JSONField(default=list)
    revenue_property = models.CharField(max_length=255, null=True)  # noqa: DJ001 - null in responses

    objects = OfWebsite.as_manager()

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint("website", "name", name="goal_name_is_unique_per_website")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def step(self) -> Step:
        return Step.of({name: getattr(self, name) for name in ("kind", "value", "properties")})

    @property
    def created_at(self) -> datetime:
        return uuid7.time_of(self.id)


class Funnel(models.Model):
    """Steps that visitors are to take one after the other.

    window_days: within how many days, by visitor; null within a session.
    """

    id = models.UUIDField(primary_key=True, default=uuid7.new_id_now, editable=False)
    website = models.ForeignKey("Website", on_delete=models.CASCADE, related_name="funnels")
    name = models.CharField(max_length=255)
    steps = models.JSONField()
    scope = models.CharField(max_length=7, default=SESSION)
    window_days = models.PositiveSmallIntegerField(null=True)
    order = models.CharField(max_length=10, default=SEQUENTIAL)

    objects = OfWebsite.as_manager()

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint("website", "name", name="funnel_name_is_unique_per_website")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def created_at(self) -> datetime:
        return uuid7.time_of(self.id)
