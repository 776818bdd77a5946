"""Response bodies of the live view."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Self
from zoneinfo import ZoneInfo

from msgspec import Meta

from analytics.events.models import EventType
from analytics.reports.live import Live, LiveEvent
from analytics.reports.questions.buckets import local_time
from analytics.reports.questions.question import Row
from analytics.reports.responses import LocalTime, label_of
from config.api.bodies import Body, Count, Timestamp, enum


class LiveMinute(Body):
    """What happened in one minute of the clock."""

    start: LocalTime
    pageviews: Count
    visitors: Count


class LiveRow(Body):
    """Visitors and page views of one value."""

    value: str | None
    label: str
    metrics: dict[str, int | float | None]

    @classmethod
    def all(cls, rows: Sequence[Row]) -> list[Self]:
        return [cls(row.value, label_of(row), row.metrics) for row in rows]


class LiveEventBody(Body):
    """One event, without ids of the visitor or the session."""

    time: LocalTime
    type: Annotated[str, enum(EventType.values)]
    page: str
    name: Annotated[str | None, Meta(description="Of a custom event, or where a link leads.")]
    country: str | None
    source: str | None

    @classmethod
    def of(cls, event: LiveEvent, zone: ZoneInfo) -> Self:
        return cls(local_time(event.at, zone), *event[1:])


class LiveMeta(Body, rename={"start": "from", "end": "to", "as_of": "asOf"}):
    """The window, whose last minute is running."""

    start: LocalTime
    end: LocalTime
    timezone: str
    as_of: Timestamp


class LiveBody(Body):
    """What happens right now.

    `visitors` are those with an event in the last five minutes. `minutes` are the last 30; pages,
    sources and countries are those of these minutes with most visitors.
    """

    visitors: Count
    minutes: list[LiveMinute]
    pages: list[LiveRow]
    sources: list[LiveRow]
    countries: list[LiveRow]
    events: list[LiveEventBody]
    meta: LiveMeta

    example: ClassVar[Any] = {
        "visitors": 1,
        "minutes": [{"start": "2026-10-28T14:03:00+01:00", "pageviews": 2, "visitors": 1}],
        "pages": [{"value": "/", "label": "/", "metrics": {"visitors": 1, "pageviews": 2}}],
        "sources": [{"value": None, "label": "Direct", "metrics": {"visitors": 1, "pageviews": 2}}],
        "countries": [
            {"value": "DE", "label": "Germany", "metrics": {"visitors": 1, "pageviews": 2}}
        ],
        "events": [
            {
                "time": "2026-10-28T14:03:11.020+01:00",
                "type": "pageview",
                "page": "/",
                "name": None,
                "country": "DE",
                "source": None,
            }
        ],
        "meta": {
            "from": "2026-10-28T13:34:00+01:00",
            "to": "2026-10-28T14:04:00+01:00",
            "timezone": "Europe/Berlin",
            "asOf": "2026-10-28T13:03:30.000Z",
        },
    }

    @classmethod
    def of(cls, live: Live, zone: ZoneInfo, as_of: Timestamp) -> Self:
        start, end = local_time(live.start, zone), local_time(live.end, zone)
        return cls(
            visitors=live.visitors,
            minutes=[LiveMinute(local_time(each.start, zone), *each[1:]) for each in live.minutes],
            pages=LiveRow.all(live.pages),
            sources=LiveRow.all(live.sources),
            countries=LiveRow.all(live.countries),
            events=[LiveEventBody.of(each, zone) for each in live.events],
            meta=LiveMeta(start, end, zone.key, as_of),
        )
