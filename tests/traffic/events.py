"""Traffic of events: visits of a few page views, with clicks and custom events among them.

Each visit has a client context too.
"""

from uuid import UUID

from analytics.events.ingest import CONTEXTS, TABLE
from analytics.events.models import ClientContextRow, EventRow, EventType
from config.db import uuid7
from tests.traffic.dataset import COUNTRY_CODES, Visitor, random_referrers, random_session_id
from tests.traffic.day import Rows, StreamDay

EVENTS_PER_VISIT = 4  # on average
MAX_PAUSE_MS = 90_000  # between two events of a visit
PAGEVIEW, CLICK, CUSTOM = EventType.PAGEVIEW.value, EventType.CLICK.value, EventType.CUSTOM.value
TYPES = (*[PAGEVIEW] * 15, *[CLICK] * 4, CUSTOM)

Visit = tuple[Visitor, UUID, str, str | None]  # visitor, website, session id, referrer
Step = tuple[int, bool, int]  # time, whether it is an event, index of the visit


def website_events(day: StreamDay) -> Rows:
    """Return the website events of a day, and the contexts of their visits."""
    visits: list[Visit] = []
    steps: list[Step] = []
    while len(steps) < day.rows:
        count = (day.rows - len(steps)) // EVENTS_PER_VISIT + 1
        for ms, visit in zip(*_random_visits(day, count), strict=True):
            steps += _random_steps(day, ms, len(visits))
            visits.append(visit)
    steps = sorted(steps[: day.rows])
    types = day.random.choices(TYPES, k=len(steps))
    pages = day.dataset.random_pages(day.random, len(steps))
    events, contexts = {}, {}
    for (ms, is_event, number), type, page in zip(steps, types, pages, strict=True):
        ms = min(ms, day.last_ms)
        if is_event:
            row = _event(day, ms, visits[number], type, page)
            events[row.id] = row
        else:
            context = _context(day, ms, visits[number])
            contexts[context.id] = context
    return {TABLE: events, CONTEXTS: contexts}


def _random_visits(day: StreamDay, count: int) -> tuple[list[int], list[Visit]]:
    """Return the times at which random visits begin, and the visits."""
    random, dataset = day.random, day.dataset
    times = day.random_times(count)
    visitors, websites = (
        dataset.random_visitors(random, count),
        dataset.random_websites(random, count),
    )
    session_ids = [random_session_id(random, ms) for ms in times]
    referrers = random_referrers(random, count)
    return times, list(zip(visitors, websites, session_ids, referrers, strict=True))


def _random_steps(day: StreamDay, ms: int, number: int) -> list[Step]:
    """Return the context and the events of a visit, none for some."""
    chance = day.random.random
    events = int(chance() * EVENTS_PER_VISIT * 2)
    steps = [(ms, False, number)] if events else []
    for _ in range(events):
        steps.append((ms, True, number))
        ms += int(chance() * MAX_PAUSE_MS)
    return steps


def _event(day: StreamDay, ms: int, visit: Visit, type: str, page: int) -> EventRow:
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


def _context(day: StreamDay, ms: int, visit: Visit) -> ClientContextRow:
    visitor, website, session_id, _ = visit
    agent = visitor.agent
    return ClientContextRow(
        day.new_id(ms),
        uuid7.from_ms(ms),
        website,
        session_id,
        COUNTRY_CODES[visitor.country],
        None,
        visitor.city,
        agent.browser,
        agent.browser_version,
        agent.os,
        agent.os_version,
        agent.device,
        visitor.language,
        "x".join(map(str, visitor.screen)),
        False,
    )
