"""What happens on a website right now, read from its events alone."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self
from uuid import UUID

from django.db import connections
from pyroaring import BitMap

from analytics.events.models import Event
from analytics.reports import live_statements
from analytics.reports.derived.site_rules import rules_of
from analytics.reports.facts.pages import page_of
from analytics.reports.facts.session_facts import SiteRules, country_code
from analytics.reports.facts.session_rows import LONG
from analytics.reports.facts.sources import source_of
from analytics.reports.labels import label
from analytics.reports.queries.sums import visitors_of
from analytics.reports.questions.question import Row
from config.db import uuid7
from config.db.routers import home
from websites.models import Website

MINUTE = timedelta(minutes=1)
MINUTES = 30
PRESENT = timedelta(minutes=5)  # for so long after an event a visitor is there
MAX_ROWS = 10
MAX_EVENTS = 20


class MinuteCounts(NamedTuple):
    """What happened in the minute that begins at a time."""

    start: datetime
    page_views: int = 0
    visitors: int = 0


class LiveEvent(NamedTuple):
    """One event, without what tells whose it is."""

    at: datetime
    type: str
    page: str
    name: str | None
    country: str | None
    source: str | None


@dataclass(frozen=True, slots=True)
class Live:
    """The last minutes of a website.

    visitors: those who are there. pages, sources, countries: those with most visitors.
    """

    start: datetime
    end: datetime
    visitors: int
    minutes: Sequence[MinuteCounts]
    pages: Sequence[Row]
    sources: Sequence[Row]
    countries: Sequence[Row]
    events: Sequence[LiveEvent]


def live(website: Website, now: datetime) -> Live:
    """Return what happens on a website; the present minute is the last one."""
    window = _Window.of(website, now)
    start, end, parts = window.start, window.end, window.parts()
    pages, sources, countries = _Counts("page"), _Counts("source"), _Counts("country")
    for part in parts["page"]:
        pages.add(page_of(part.url, window.rules.page_rules), part)
    for part in parts["session"]:
        origin = window.origin(part)
        sources.add(origin.source, part)
        countries.add(origin.country, part)
    counted = {part.at: part for part in parts["minute"]}
    [present] = parts["present"]
    return Live(
        start,
        end,
        visitors=len(visitors_of(present.visitors)),
        minutes=[_minute(start + n * MINUTE, counted) for n in range(MINUTES)],
        pages=pages.top(),
        sources=sources.top(),
        countries=countries.top(),
        events=window.events(),
    )


def present_visitors(website: Website, now: datetime) -> int:
    """Return how many visitors are there."""
    return _Window.of(website, now).present_visitors()


def active_websites(websites: Sequence[Website], now: datetime) -> list[Website]:
    """Return those of some websites that have an event of a few minutes, a bot's perhaps."""
    events = Event.objects.filter(
        website_id__in=[website.pk for website in websites], id__gte=uuid7.floor(now - PRESENT)
    )
    active = set(events.values_list("website_id", flat=True).distinct())
    return [website for website in websites if website.pk in active]


class _Part(NamedTuple):
    """Some events that have something in common, or one of them.

    url, referrer, location: of the first one, of its session if it is one event, whose own URL is
    page_url. is_known: whether there is a row of the session, with
    its source and country. place: the country of its client. visitors: their numbers.
    """

    kind: str
    at: datetime | None
    url: str
    referrer: str | None
    location: str | None
    is_known: bool
    source: str | None
    country: str | None
    place: str | None
    page_views: int
    visitors: bytes | None
    type: str = ""
    name: str | None = None
    page_url: str = ""


class _Origin(NamedTuple):
    """Where a session came from."""

    source: str | None
    country: str | None


@dataclass(slots=True)
class _Counts:
    """Visitors and page views by value."""

    dimension: str
    visitors: defaultdict[str | None, BitMap] = field(default_factory=lambda: defaultdict(BitMap))
    page_views: Counter[str | None] = field(default_factory=Counter)

    def add(self, value: str | None, part: _Part) -> None:
        self.visitors[value] |= visitors_of(part.visitors)
        self.page_views[value] += part.page_views

    def top(self) -> list[Row]:
        ordered = sorted(self.visitors, key=lambda value: (-len(self.visitors[value]), value or ""))
        return [
            Row(
                value,
                {"visitors": len(self.visitors[value]), "pageviews": self.page_views[value]},
                label=label(self.dimension, value),
            )
            for value in ordered[:MAX_ROWS]
        ]


def _minute(start: datetime, counted: Mapping[datetime | None, _Part]) -> MinuteCounts:
    part = counted.get(start)
    if part is None:
        return MinuteCounts(start)
    return MinuteCounts(start, part.page_views, len(visitors_of(part.visitors)))


@dataclass(frozen=True, slots=True)
class _Window:
    """The events of a website in some minutes."""

    website_id: UUID
    rules: SiteRules
    now: datetime
    start: datetime
    end: datetime

    @classmethod
    def of(cls, website: Website, now: datetime) -> Self:
        end = now.replace(second=0, microsecond=0) + MINUTE
        return cls(website.pk, rules_of(website), now, end - MINUTES * MINUTE, end)

    def present_visitors(self) -> int:
        """Return how many visitors are there."""
        [[count]] = self._rows("present_visitors")
        return int(count)

    def parts(self) -> dict[str, list[_Part]]:
        """Return the events by page, session and minute, and those of who is present."""
        found: dict[str, list[_Part]] = defaultdict(list)
        for row in self._rows("parts"):
            part = _Part(*row)
            found[part.kind].append(part)
        return found

    def events(self) -> list[LiveEvent]:
        """Return the latest events, the newest first, without ids."""
        found = [_Part(*row) for row in self._rows("events")]
        return [
            LiveEvent(
                each.at,
                each.type,
                page_of(each.page_url, self.rules.page_rules),
                each.name,
                country=origin.country,
                source=origin.source,
            )
            for each in found
            if each.at
            for origin in [self.origin(each)]
        ]

    def origin(self, part: _Part) -> _Origin:
        """Return where a session came from.

        That is the first event of a session, which may be older than the window: then its row tells
        it, or as long as there is none, the first event of the window.
        """
        if part.is_known:
            return _Origin(part.source, part.country)
        source = source_of(part.url, part.referrer, self.rules.own_hosts)
        return _Origin(source.name, country_code(part.location) or part.place)

    def _rows(self, question: str) -> list[tuple[Any, ...]]:
        values: dict[str, Any] = {
            "website": self.website_id,
            "start": uuid7.floor(self.start),
            "end": uuid7.floor(self.end),
            "present": self.now - PRESENT,
            "day_before": uuid7.floor(self.start - LONG),
            "events": MAX_EVENTS,
        }
        with connections[home(Event)].cursor() as cursor:
            cursor.execute(live_statements.of(question), values)
            return list(cursor.fetchall())
