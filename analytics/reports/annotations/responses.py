"""Response bodies of annotations."""

from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Meta

from analytics.reports.questions.buckets import local_time
from config.api.bodies import AlwaysTrue, Body, Count, Timestamp, iso
from websites.models import Annotation

EXAMPLE = {
    "id": "019c0428-0ea0-7bae-841b-02c41ed0fd8a",
    "at": "2026-10-01",
    "text": "New price list",
    "isPublic": False,
    "createdAt": "2026-01-28T10:31:00.000Z",
}
AT = Meta(description="A day, or an instant with the offset of the website's time zone.")


class AnnotationBody(Body, rename="camel"):
    """An annotation of a website."""

    id: UUID
    at: Annotated[str, AT]
    text: str
    is_public: bool
    created_at: Timestamp

    example: ClassVar[Any] = EXAMPLE

    @classmethod
    def of(cls, annotation: Annotation, timezone: str) -> Self:
        """Return the body of an annotation of a website with a time zone."""
        zone = ZoneInfo(timezone)
        at = local_time(annotation.at, zone) if annotation.at else f"{annotation.day:%Y-%m-%d}"
        created = iso(annotation.created_at)
        return cls(annotation.id, at, annotation.text, annotation.is_public, created)


class AnnotationList(Body):
    """All annotations of a website, by their time, the oldest first."""

    annotations: list[AnnotationBody]
    total: Count

    example: ClassVar[Any] = {"annotations": [EXAMPLE], "total": 1}


class AnnotationDeleted(Body):
    """The annotation is gone."""

    success: AlwaysTrue = True
    message: Literal["Annotation deleted successfully"] = "Annotation deleted successfully"

    example: ClassVar[Any] = {"success": True, "message": "Annotation deleted successfully"}
