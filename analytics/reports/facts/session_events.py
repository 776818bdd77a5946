"""All events and client contexts of sessions, read session by session"""

from collections.abc import Generator, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeVar
from uuid import UUID

from django.db import connections

from analytics.events.models import ClientContextRow, EventRow
from analytics.reports.facts.session_facts import SessionFacts, SiteRules, facts_of
from analytics.reports.models import WebsiteSession
from config.db import cluster
from config.db.routers import home

ALIAS = home(WebsiteSession)
MAX_EVENTS = 50_000  # of a session, the first ones; a visit of a person has a few
MAX_CONTEXTS = 1_000
SESSIONS = 500  # that one statement reads
FETCHED_ROWS = 2_000
Row = TypeVar("Row", EventRow, ClientContextRow)
Made = tuple[str, SessionFacts | None, int]


def facts_of_sessions(
    website_id: UUID, session_ids: Sequence[str], rules: SiteRules
) -> Generator[Made, None, None]:
    """Yield each session in the order given, its facts, and the number of events they are of.

    One without hits has none. Within a transaction; no more than one session is in memory.
    """
    for start in range(0, len(session_ids), SESSIONS):
        ids = session_ids[start : start + SESSIONS]
        contexts = dict(_read(ClientContextRow, website_id, ids, MAX_CONTEXTS))
        for id, events in _read(EventRow, website_id, ids, MAX_EVENTS):
            yield id, facts_of(events, contexts[id], rules), len(events)


def _read(
    row_type: type[Row], website_id: UUID, ids: Sequence[str], most: int
) -> Iterator[tuple[str, list[Row]]]:
    """Yield each session with its rows, which may be none."""
    sql = _sql(row_type, cluster.is_cluster(ALIAS))
    with connections[ALIAS].chunked_cursor() as cursor:
        cursor.execute(sql, {"ids": list(ids), "website": website_id, "most": most})
        groups = groupby(map(row_type._make, _fetch(cursor)), key=attrgetter("session_id"))
        found = next(groups, None)
        for id in ids:
            if found and found[0] == id:
                yield id, list(found[1])
                found = next(groups, None)
            else:
                yield id, []
        assert found is None, "PostgreSQL has joined in another order"


def _fetch(cursor: Any) -> Iterator[tuple[Any, ...]]:
    while rows := cursor.fetchmany(FETCHED_ROWS):
        yield from rows


def _sql(row_type: type[Row], is_cluster: bool) -> str:
    columns = ", ".join(
        "properties::text" if name == "properties" else name for name in row_type._fields
    )
    statement = _ON_SHARDS if is_cluster else _OF_SESSIONS
    return statement.format(table=_TABLES[row_type], columns=columns)


_TABLES = {EventRow: "analytics_event", ClientContextRow: "analytics_clientcontext"}
# LATERAL with a limit can only be a nested loop over the sessions, in their order: no plan reads
# whole tables, whatever PostgreSQL believes about the number of their rows. OFFSET keeps the
# website out of the search: with the index by website, it would read all its events each time.
_OF_SESSIONS = """
SELECT row.* FROM unnest(%(ids)s::varchar[]) AS changed (id)
 CROSS JOIN LATERAL (
    SELECT * FROM (
        SELECT {columns} FROM {table}
         WHERE hashtext(session_id) = hashtext(changed.id) AND session_id = changed.id OFFSET 0
    ) AS of_any_website
     WHERE website_id = %(website)s ORDER BY id LIMIT %(most)s
 ) AS row
"""
# Where they lie on several nodes, these send what the index by session finds, and one cuts it.
_ON_SHARDS = """
SELECT {columns} FROM (
    SELECT *, row_number() OVER (PARTITION BY session_id ORDER BY id) AS number FROM {table}
     WHERE website_id = %(website)s AND session_id = ANY(%(ids)s::varchar[])
       AND hashtext(session_id) = ANY(
           ARRAY(SELECT hashtext(changed.id) FROM unnest(%(ids)s::varchar[]) AS changed (id))
       )
 ) AS row
 WHERE number <= %(most)s ORDER BY array_position(%(ids)s::varchar[], session_id), id
"""
