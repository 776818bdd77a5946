"""Response bodies of the dashboard."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

from msgspec import Meta

from analytics.dashboard import queries
from config.api.bodies import AlwaysTrue, Body, Count

WEBSITE = "019c0428-0ea0-7bae-841b-02c41ed0fd8a"

Percent = Annotated[int, Meta(ge=0, le=100, description="Per cent.")]
Change = Annotated[int, Meta(description="By how many per cent it has changed.")]
Seconds = Annotated[int, Meta(ge=0, description="Seconds.")]


class Metrics(Body, rename="camel"):
    """Totals of the period, and how they differ from those of the period before."""

    page_views: Count
    page_views_change: Change
    unique_visitors: Count
    unique_visitors_change: Change
    sessions: Annotated[int, Meta(ge=0, description="Those with a page view.")]
    sessions_change: Change
    avg_session_duration: Seconds
    avg_session_duration_change: Change
    bounce_rate: Percent
    bounce_rate_change: Annotated[int, Meta(description="In percentage points.")]


class MetricsBody(Body):
    """Totals of a website."""

    success: AlwaysTrue
    data: Metrics
    website: UUID
    period: str

    example: ClassVar[Any] = {
        "success": True,
        "data": {
            "pageViews": 3,
            "pageViewsChange": 200,
            "uniqueVisitors": 2,
            "uniqueVisitorsChange": 100,
            "sessions": 2,
            "sessionsChange": 100,
            "avgSessionDuration": 30,
            "avgSessionDurationChange": 100,
            "bounceRate": 50,
            "bounceRateChange": -50,
        },
        "website": WEBSITE,
        "period": "Last 7 days",
    }

    @classmethod
    def of(
        cls, current: queries.Metrics, previous: queries.Metrics, *, website: UUID, days: int
    ) -> Self:
        """Return the body of the numbers of two periods."""
        pairs = zip(current, previous, strict=True)
        numbers = [number for pair in pairs for number in (pair[0], queries.change(*pair))]
        data = Metrics(*numbers)
        data.bounce_rate_change = current.bounce_rate - previous.bounce_rate
        return cls(True, data, website, f"Last {days} days")


class DayViews(Body):
    """Page views of a day of UTC."""

    date: Annotated[str, Meta(extra_json_schema={"format": "date"})]
    pageviews: Annotated[int, Meta(ge=1)]


class PageViewsBody(Body):
    """Page views by day, in order; days without any are left out."""

    success: AlwaysTrue
    data: list[DayViews]
    total: Annotated[int, Meta(ge=0, description="Their sum.")]

    example: ClassVar[Any] = {
        "success": True,
        "data": [
            {"date": "2026-01-28", "pageviews": 142},
            {"date": "2026-01-29", "pageviews": 156},
        ],
        "total": 298,
    }

    @classmethod
    def of(cls, days: Sequence[tuple[date, int]]) -> Self:
        data = [DayViews(day.isoformat(), views) for day, views in days]
        return cls(True, data, sum(views for _, views in days))


class Page(Body, rename="camel"):
    """Page views of one URL, and the sessions that have one of them."""

    url: str
    views: Annotated[int, Meta(ge=1)]
    unique_visitors: Annotated[int, Meta(ge=1)]
    bounce_rate: Annotated[Percent, Meta(description="Of these sessions, whatever else they saw.")]
    avg_session_duration: Seconds


class TopPagesBody(Body):
    """The URLs with most page views."""

    success: AlwaysTrue
    data: list[Page]
    total: Annotated[int, Meta(ge=0, description="The length of `data`.")]

    example: ClassVar[Any] = {
        "success": True,
        "data": [
            {
                "url": "https://example.com/",
                "views": 450,
                "uniqueVisitors": 320,
                "bounceRate": 35,
                "avgSessionDuration": 240,
            }
        ],
        "total": 1,
    }

    @classmethod
    def of(cls, pages: Sequence[queries.Page]) -> Self:
        return cls(True, [Page(*page) for page in pages], len(pages))


class Referrer(Body, rename="camel"):
    """Page views that a host led to."""

    referrer: Annotated[str, Meta(description="Without www.; `Direct` where there is none.")]
    visitors: Annotated[int, Meta(ge=1)]
    sessions: Annotated[int, Meta(ge=1)]
    page_views: Annotated[int, Meta(ge=1)]


class ReferrersBody(Body):
    """The hosts of referrers with most page views."""

    success: AlwaysTrue
    data: list[Referrer]
    total: Annotated[int, Meta(ge=0, description="The length of `data`.")]

    example: ClassVar[Any] = {
        "success": True,
        "data": [
            {"referrer": "Direct", "visitors": 120, "sessions": 130, "pageViews": 300},
            {"referrer": "google.com", "visitors": 80, "sessions": 85, "pageViews": 140},
        ],
        "total": 2,
    }

    @classmethod
    def of(cls, referrers: Sequence[queries.Referrer]) -> Self:
        return cls(True, [Referrer(*each) for each in referrers], len(referrers))


class Devices(Body):
    """Page views by device."""

    mobile: Count
    desktop: Count
    tablet: Count
    other: Annotated[int, Meta(ge=0, description="Of events that name no device.")]


class DevicesBody(Body):
    """Page views by device."""

    success: AlwaysTrue
    data: Devices

    example: ClassVar[Any] = {
        "success": True,
        "data": {"mobile": 400, "desktop": 600, "tablet": 100, "other": 20},
    }
