"""Export: the events of a website in the order of their ids, page by page

Each page is a short query of its own, so that nothing is held for long and little is in memory. An
event has with it the client context that was stored beside it, so that statistics of the copy are
the same.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connections

from analytics.events.models import ClientContextRow, Event, EventRow
from analytics.moving.client_contexts import Context
from analytics.moving.formats import Line
from config.db import deadline, uuid7
from config.db.routers import home

ALIAS = home(Event)
PAGE_ROWS = 5_000
Key = tuple[str, datetime]


def pages(website_id: UUID, low: UUID, high: UUID) -> Iterator[list[Line]]:
    """Yield the events of a website with ids in [low, high)."""
    while True:
        with deadline.long_transaction(ALIAS) as cursor:
            cursor.execute(_EVENTS, [website_id, website_id, low, high, PAGE_ROWS])
            rows = list(map(EventRow._make, cursor.fetchall()))
        if rows:
            contexts = _contexts(website_id, rows)
            yield [Line.of(row, _take(contexts, row)) for row in rows]
        if len(rows) < PAGE_ROWS:
            return
        low = uuid7.next_after(rows[-1].id)


def _contexts(website_id: UUID, rows: Sequence[EventRow]) -> dict[Key, list[Context]]:
    """Return the contexts that were stored beside events, those of each in the order of ids."""
    low, high = uuid7.floor(rows[0].created_at), uuid7.ms_of(rows[-1].id) + 1
    sessions = list({row.session_id for row in rows})
    found: dict[Key, list[Context]] = defaultdict(list)
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(_CONTEXTS, [website_id, sessions, sessions, low, UUID(int=high << 80)])
        for row in map(ClientContextRow._make, cursor.fetchall()):
            found[row.session_id, row.created_at].append(Context.of(row))
    return found


def _take(contexts: dict[Key, list[Context]], row: EventRow) -> Context | None:
    """Return the context of an event; of several of one time, each is taken once."""
    found = contexts.get((row.session_id, row.created_at))
    return found.pop(0) if found else None


# The website is written as a range: with an equality PostgreSQL may walk the events of all websites
# in search of those of one (see traffic.py).
_EVENTS = f"""
SELECT {", ".join(EventRow._fields[:-1])}, properties::text FROM analytics_event
 WHERE website_id >= %s AND website_id <= %s AND id >= %s AND id < %s
 ORDER BY website_id, id LIMIT %s
"""
_CONTEXTS = f"""
SELECT {", ".join(ClientContextRow._fields)} FROM analytics_clientcontext
 WHERE website_id = %s
   AND hashtext(session_id) = ANY(ARRAY(SELECT hashtext(id) FROM unnest(%s::text[]) AS id))
   AND session_id = ANY(%s) AND id >= %s AND id < %s
 ORDER BY id
"""
