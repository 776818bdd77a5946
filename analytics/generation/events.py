"""Website events: visits of a few pages, with clicks and custom events among the page views."""

from uuid import UUID

from analytics.events.ingest import TABLE
from analytics.events.models import (
    EventRow,
    EventType,
)
from analytics.generation.days import Day, generator
from analytics.generation.world import Visitor, session_name, some_referrers
from analytics.ingest.bulk_copy import Rows
from config.db import uuid7

EVENTS_OF_A_VISIT = 4  # on the average
PAUSE_MS = 90_000  # between two events of a visit, at most
PAGEVIEW, CLICK, CUSTOM = EventType.PAGEVIEW.value, EventType.CLICK.value, EventType.CUSTOM.value
TYPES = (*[PAGEVIEW] * 15, *[CLICK] * 4, CUSTOM)

Visit = tuple[Visitor, UUID, str, str | None]  # who, of which website, in which session, from where


@generator(weight=80)
def website_events(day: Day) -> Rows:
    """Make the website events of a day."""
    random, world = day.random, day.world
    visits: list[Visit] = []
    steps: list[tuple[int, int]] = []  # a time and the number of its visit
    chance = random.random
    while len(steps) < day.rows:
        times = day.times((day.rows - len(steps)) // EVENTS_OF_A_VISIT + 1)
        first, count = len(visits), len(times)
        visitors, websites = world.some_visitors(random, count), world.some_websites(random, count)
        names = [session_name(random, ms) for ms in times]
        visits += zip(visitors, websites, names, some_referrers(random, count), strict=True)
        for number, ms in enumerate(times, first):
            for _ in range(int(chance() * EVENTS_OF_A_VISIT * 2)):
                steps.append((ms, number))
                ms += int(chance() * PAUSE_MS)
    steps = sorted(steps[: day.rows])
    types = random.choices(TYPES, k=len(steps))
    pages = world.some_pages(random, len(steps))
    rows = {}
    for (ms, number), type, page in zip(steps, types, pages, strict=True):
        row = _row(day, min(ms, day.last_ms), visits[number], type, page)
        rows[row.id] = row
    return {TABLE: rows}


def _row(day: Day, ms: int, visit: Visit, type: str, page: int) -> EventRow:
    visitor, website, session_id, came_from = visit
    agent = visitor.agent
    return EventRow(
        day.new_id(ms),
        uuid7.from_ms(ms),
        website,
        type,
        day.world.urls[website][page],
        came_from,
        session_id,
        visitor.id,
        agent.device,
        agent.browser,
        agent.os,
        visitor.country,
        None if type == PAGEVIEW else day.world.pages[page].properties,
    )
