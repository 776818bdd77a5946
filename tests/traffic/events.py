"""Traffic of events: visits of a few page views, with clicks and custom events among them."""

from uuid import UUID

from analytics.events.ingest import TABLE
from analytics.events.models import EventRow, EventType
from config.db import uuid7
from tests.traffic.dataset import Visitor, random_referrers, random_session_id
from tests.traffic.day import Rows, StreamDay

EVENTS_PER_VISIT = 4  # on average
MAX_PAUSE_MS = 90_000  # between two events of a visit
PAGEVIEW, CLICK, CUSTOM = EventType.PAGEVIEW.value, EventType.CLICK.value, EventType.CUSTOM.value
TYPES = (*[PAGEVIEW] * 15, *[CLICK] * 4, CUSTOM)

Visit = tuple[Visitor, UUID, str, str | None]  # visitor, website, session id, referrer


def website_events(day: StreamDay) -> Rows:
    """Return the website events of a day."""
    random, dataset = day.random, day.dataset
    visits: list[Visit] = []
    steps: list[tuple[int, int]] = []  # time, index of the visit
    chance = random.random
    while len(steps) < day.rows:
        times = day.random_times((day.rows - len(steps)) // EVENTS_PER_VISIT + 1)
        first, count = len(visits), len(times)
        visitors, websites = (
            dataset.random_visitors(random, count),
            dataset.random_websites(random, count),
        )
        session_ids = [random_session_id(random, ms) for ms in times]
        visits += zip(visitors, websites, session_ids, random_referrers(random, count), strict=True)
        for number, ms in enumerate(times, first):
            for _ in range(int(chance() * EVENTS_PER_VISIT * 2)):
                steps.append((ms, number))
                ms += int(chance() * MAX_PAUSE_MS)
    steps = sorted(steps[: day.rows])
    types = random.choices(TYPES, k=len(steps))
    pages = dataset.random_pages(random, len(steps))
    rows = {}
    for (ms, number), type, page in zip(steps, types, pages, strict=True):
        row = _row(day, min(ms, day.last_ms), visits[number], type, page)
        rows[row.id] = row
    return {TABLE: rows}


def _row(day: StreamDay, ms: int, visit: Visit, type: str, page: int) -> EventRow:
    visitor, website, session_id, referrer = visit
    agent = visitor.agent
    return EventRow(
        day.new_id(ms),
        uuid7.from_ms(ms),
        website,
        type,
        day.dataset.urls[website][page],
        referrer,
        session_id,
        visitor.id,
        agent.device,
        agent.browser,
        agent.os,
        visitor.country,
        None if type == PAGEVIEW else day.dataset.pages[page].properties,
    )
