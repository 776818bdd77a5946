"""Annotations to be: the rules of their values, and what keeps them from being stored"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.db import transaction

from analytics.reports.parameters.fields import DayOrInstant
from analytics.reports.parameters.parameter_rules import NO_NUL
from analytics.reports.questions.buckets import start_of
from config.api.errors import NotFound
from config.api.fields import Boolean, Text
from config.api.rules import at_least, at_most
from config.api.serializers import StrictSerializer
from config.db import uuid7
from websites.models import Annotation, Website
from websites.new_website import room_for_another

MAX_ANNOTATIONS, MAX_LENGTH = 500, 500
TOO_MANY = f"A website has at most {MAX_ANNOTATIONS} annotations"
NO_ANNOTATION = NotFound("Annotation not found")


class AnnotationFields(StrictSerializer):
    """An annotation to be."""

    at = DayOrInstant(source="when")
    text = Text(
        at_least(1, "Text is required"),
        at_most(MAX_LENGTH, f"At most {MAX_LENGTH} characters are allowed"),
        NO_NUL,
        sample="New price list",
    )
    isPublic = Boolean(
        source="is_public", default=False, help_text="Whether shared dashboards show it, too."
    )

    example: ClassVar[Any] = {"at": "2026-10-01", "text": "New price list", "isPublic": False}


class AnnotationChange(AnnotationFields):
    """What is to be different; whatever is left out stays."""

    example: ClassVar[Any] = {"at": "2026-10-01T09:30:00+02:00"}


ANNOTATION, ANNOTATION_CHANGE = AnnotationFields(), AnnotationChange(partial=True)


def create_annotation(website: Website, values: Mapping[str, Any]) -> Annotation:
    """Store an annotation; raises Conflict, or NotFound if the website was deleted meanwhile."""
    annotations = Annotation.objects.of_website(website.pk)
    with room_for_another(website, annotations, MAX_ANNOTATIONS, TOO_MANY):
        return Annotation.objects.create(website=website, **values)


def change_annotation(website: Website, id: str, values: Mapping[str, Any]) -> Annotation:
    """Store other values of an annotation; what is left out stays. Raises NotFound."""
    found = uuid7.parse(id)
    with transaction.atomic(using="default"):
        of_website = Annotation.objects.of_website(website.pk).select_for_update()
        annotation = of_website.filter(id=found).first() if found else None
        if annotation is None:
            raise NO_ANNOTATION
        for name, value in values.items():
            setattr(annotation, name, value)
        annotation.save(force_update=True)
    return annotation


def instant_of(annotation: Annotation, zone: ZoneInfo) -> datetime:
    """Return the instant of an annotation; of a day it is its start in a time zone."""
    return annotation.at or start_of(annotation.when, zone)


def by_time(website: Website) -> list[Annotation]:
    """Return the annotations of a website, the oldest first."""
    zone = ZoneInfo(website.timezone)
    found = Annotation.objects.of_website(website.pk)
    return sorted(found, key=lambda each: (instant_of(each, zone), each.pk))
