"""Sums of the sessions of a website, read by one or two statements.

A statement tells the sums of each value of a dimension, in each of some buckets of time. The edges
of buckets come from Python, which knows time zones; SQL only looks up in which one a time lies.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import connections

from analytics.reports.conditions import (
    COLUMNS,
    HITS,
    HOST,
    OF_NAMES,
    PROPERTY,
    Parameters,
    has_property,
    hit_restriction,
    is_hit_dimension,
    is_positive,
    of_session,
    property_text,
)
from analytics.reports.models import WebsiteSession
from analytics.reports.question import Condition
from analytics.reports.session_rows import LONG
from analytics.reports.session_statements import (
    EVENTS_WITH,
    FIRST,
    HIT_BUCKET,
    HITS_ALONE,
    IRREGULAR_SESSIONS,
    OF_HITS,
    OVERLAP,
    REGULAR,
    SESSION_BUCKET,
    SESSIONS,
    SESSIONS_AND_HITS,
    SESSIONS_OF_HITS,
    WHOLE,
)
from analytics.reports.sums import NOTHING, Sums, visitors_of
from config.db import uuid7
from config.db.routers import home

ENGAGED_SECONDS = 10
TOTAL = "total"  # the dimension that has one value, of everything

Key = tuple[int, str | None]  # a bucket from 0 on, and a value


@dataclass(frozen=True, slots=True)
class Selection:
    """Which sessions of a website are meant, and the buckets of time that are asked for.

    edges: the start of each bucket, and the end of the last one.
    """

    website_id: UUID
    edges: Sequence[datetime]
    conditions: Sequence[Condition] = ()
    bots: bool = False


def sums_by(selection: Selection, dimension: str = TOTAL) -> dict[Key, Sums]:
    """Return the sums of each bucket and value that has any."""
    statement = _Statement(selection, dimension)
    if dimension == TOTAL or dimension in COLUMNS:
        has_hits = any(is_hit_dimension(each.dimension) for each in selection.conditions)
        if has_hits:
            return statement.run(SESSIONS_AND_HITS)
        if not statement.has_one_bucket:
            return statement.run(WHOLE)
        return _added(statement.run(REGULAR), statement.run(WHOLE, IRREGULAR_SESSIONS))
    if statement.knows_first_hits:
        return statement.run(OF_HITS)
    return _added(statement.run(SESSIONS_OF_HITS), statement.run(HITS_ALONE))


def _added(one: dict[Key, Sums], other: dict[Key, Sums]) -> dict[Key, Sums]:
    return {key: one.get(key, NOTHING) + other.get(key, NOTHING) for key in one | other}


@dataclass(slots=True)
class _Statement:
    """What the statements of a selection and a dimension have in common, and their parameters."""

    selection: Selection
    dimension: str
    parameters: Parameters = field(default_factory=Parameters)

    @property
    def has_one_bucket(self) -> bool:
        return len(self.selection.edges) == 2

    @property
    def knows_first_hits(self) -> bool:
        """Return whether a hit alone tells if it is the first of its session with its value."""
        conditions = filter(is_positive, self.selection.conditions)
        others = {each.dimension for each in conditions if is_hit_dimension(each.dimension)}
        return self.has_one_bucket and self.dimension in FIRST and others <= {self.dimension}

    def run(self, template: str, source: str = SESSIONS) -> dict[Key, Sums]:
        """Return what a statement tells."""
        is_kind = self.dimension in OF_NAMES or self.dimension.startswith(PROPERTY)
        sql = template.format(
            source=source,
            value=self._value(),
            sessions=self._sessions(),
            hits=self._hits(),
            counting_hits=self._counting_hits(),
            is_event="true" if is_kind else "lower(hit.type) = 'c'",
            is_page="true" if self.dimension == "page" else "false",
            is_first=FIRST.get(self.dimension),
            **self._buckets(),
        )
        edges = self.selection.edges
        values = self.parameters.values | {
            "edges": list(edges),
            "buckets": len(edges) - 1,
            "website": self.selection.website_id,
            "start": edges[0],
            "start_id": uuid7.floor(edges[0]),
            "day_before": uuid7.floor(max(edges[0], uuid7.from_ms(0) + LONG) - LONG),
            "end": uuid7.floor(edges[-1]),
            "end_time": edges[-1],
            "last_day": uuid7.floor(max(edges[-1], uuid7.from_ms(0) + LONG) - LONG),
            "bots": self.selection.bots,
            "engaged": ENGAGED_SECONDS,
        }
        with connections[home(WebsiteSession)].cursor() as cursor:
            cursor.execute(sql, values)
            found: dict[Key, Sums] = {}
            for bucket, name, *counts, visitors in cursor:
                key, sums = (bucket - 1, name), Sums.of(counts, visitors_of(visitors))
                found[key] = found[key] + sums if key in found else sums
            return found

    def _buckets(self) -> dict[str, str]:
        """Return the buckets of sessions and hits; a single one need not be looked up.

        PostgreSQL knows then how many groups there are, and keeps them in a hash table.
        """
        if self.has_one_bucket:
            return {"bucket": "1", "session_bucket": "1", "hit_bucket": "1"}
        return {"bucket": "bucket", "session_bucket": SESSION_BUCKET, "hit_bucket": HIT_BUCKET}

    def _sessions(self) -> str:
        """Return which sessions are meant: those that overlap the buckets and fit."""
        fits = [of_session(each, self.parameters) for each in self.selection.conditions]
        return " AND ".join([OVERLAP, *fits])

    def _value(self) -> str:
        """Return the value of a session, or of a hit."""
        if self.dimension == TOTAL:
            return "NULL::text"
        if self.dimension in COLUMNS:
            return f"session.{COLUMNS[self.dimension]}"
        return {"page": "hit.page", "hostname": HOST}.get(self.dimension, "hit.name")

    def _hits(self) -> str:
        """Return the hits of sessions; for a property, events that have it."""
        if not self.dimension.startswith(PROPERTY):
            return f"CROSS JOIN LATERAL {HITS}"
        key = self.parameters.add(self.dimension.removeprefix(PROPERTY))
        return EVENTS_WITH.format(name=property_text(key), has=has_property(key))

    def _counting_hits(self) -> str:
        """Return which of their hits count."""
        if self.dimension.startswith(PROPERTY):
            return "true"
        restriction = hit_restriction(self.selection.conditions, self.parameters)
        letter = OF_NAMES.get(self.dimension)
        has_kind = f"lower(hit.type) = '{letter}'" if letter else ""
        return " AND ".join(filter(None, [has_kind, restriction])) or "true"
