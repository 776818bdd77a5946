"""Columns of sealed days: sessions and their hits as arrays, from which sums are quick to make

An array has a value for each session that overlaps the day, or for each hit of these sessions, one
session after the other; so a hit on another day can show that its session fits. Sealed hours have
the same: `day` in this and the other modules of columns means either. Texts are numbers
of a list that is stored beside them. Bots are left out.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import numpy as np
from django.db import connections
from numpy.typing import NDArray

from analytics.reports.derived.sealed_models import DayColumn, HourColumn
from analytics.reports.queries.conditions import COLUMNS
from analytics.reports.queries.session_counts import SESSION_TESTS
from analytics.reports.queries.session_query import ENGAGED_SECONDS, range_values
from analytics.reports.queries.session_statements import OVERLAP, SESSIONS
from analytics.reports.questions.question import Range
from config.db import binary_results
from config.db.routers import home

Array = NDArray[Any]
Day = date  # or a datetime, the start of an hour
ALIAS = home(DayColumn)
MS = timedelta(milliseconds=1)
# Of a session. BEGINS: on this day. WHOLE: it lies within the day, and has one visitor.
BEGINS, VIEWED, BOUNCED, ENGAGED, WHOLE = 1, 2, 4, 8, 16
# Of a hit. FIRST_NAME: of its session with its kind and name, FIRST_PAGE and FIRST_HOST likewise.
WITHIN, VIEW, EVENT, OUTBOUND, DOWNLOAD, FIRST_NAME, FIRST_PAGE, FIRST_HOST = (
    2**bit for bit in range(8)
)
KINDS = {"p": VIEW, "c": EVENT, "o": OUTBOUND, "d": DOWNLOAD}
SESSION_FLAGS, HIT_FLAGS, HITS, VISITOR, HIT_VISITOR = (
    *("session_flags", "hit_flags", "hits", "visitor", "hit_visitor"),
)
# Pairs of the number of a session that is not whole, and of one of its visitors on this day.
OTHER_SESSION, OTHER_VISITOR = "other_session", "other_visitor"
SECONDS, SCROLL = "hit_seconds", "hit_scroll"  # one more than the number; 0: unknown
PAGE, NAME, HOSTNAME = "page", "name", "hostname"  # of hits
BEGUN = "begun_ms"  # of a session, from the start of the day, perhaps before
HIT_TIME = "hit_time_ms"  # from the start of its session
# What a session counts on this day.
WEIGHTS = (
    *("duration_ms", "page_views", "events", "timed_views"),
    *("engaged_seconds", "scrolled_pages", "scroll_percents"),
)


class Table(NamedTuple):
    """A table of columns, and the column of it that says of which day, or hour, they are."""

    model: type[DayColumn] | type[HourColumn]
    key: str
    type: str

    @classmethod
    def of(cls, days: Collection[Day]) -> "Table":
        """Return the table of some days, or of some hours."""
        if any(isinstance(day, datetime) for day in days):
            return cls(HourColumn, "start", "timestamptz")
        return cls(DayColumn, "day", "date")

    def complete(self, statement: str) -> str:
        return statement.format(table=self.model._meta.db_table, key=self.key, type=self.type)


class Column(msgspec.Struct, array_like=True, frozen=True):
    """An array as it is stored; of a list of one text nothing but zeros.

    kind: what numpy calls the type of its elements.
    """

    kind: str
    data: bytes
    texts: list[str | None] | None = None

    @classmethod
    def of_numbers(cls, numbers: Any) -> "Column":
        array = np.asarray(numbers, np.int64)
        ends = int(array.min(initial=0)), int(array.max(initial=0))
        kind = np.result_type(*map(np.min_scalar_type, ends))
        if kind.itemsize == array.itemsize:  # numpy adds uint64 to nothing else without loss
            kind = array.dtype
        kind = kind.newbyteorder("<")
        return cls(kind.str, array.astype(kind).tobytes())

    @classmethod
    def of_texts(cls, texts: Iterable[str | None]) -> "Column":
        index: dict[str | None, int] = {}
        numbers = [index.setdefault(text, len(index)) for text in texts]
        column = cls.of_numbers(numbers)
        return cls(column.kind, column.data if len(index) > 1 else b"", list(index))

    def array(self) -> Array:
        return np.frombuffer(self.data, self.kind)


class _Session(NamedTuple):
    """What of a session the columns are made of."""

    created_at: Any
    ended_at: Any
    visitor: int
    page_views: int
    custom_events: int
    engaged_seconds: int
    timed_views: int
    scrolled_pages: int
    scroll_percents: int
    hostname: str | None
    hit_types: str
    hit_times: Sequence[int]
    hit_pages: Sequence[str]
    hit_names: Sequence[str | None] | None
    hit_hosts: Sequence[str | None] | None
    hit_seconds: Sequence[int | None] | None
    hit_scrolls: Sequence[int | None] | None
    hit_visitors: Sequence[int] | None
    is_viewed: bool
    is_bounced: bool
    is_engaged: bool
    texts: Sequence[str | None]


def store(website_id: UUID, day: Day, range: Range) -> None:
    """Store the columns of a day, which is a range of time."""
    table = Table.of([day])
    key = {"website_id": website_id, table.key: day}
    rows: list[Any] = [  # of one of the two models
        table.model(**key, name=name, data=msgspec.msgpack.encode(column))
        for name, column in make(website_id, range).items()
    ]
    table.model._default_manager.bulk_create(rows)


def make(website_id: UUID, range: Range) -> dict[str, Column]:
    """Return the columns of a range of time, which is a day, from its sessions."""
    with connections[ALIAS].cursor() as cursor:
        values = range_values(website_id, range, bots=False) | {"engaged": ENGAGED_SECONDS}
        cursor.execute(_SESSIONS, values)
        size = len(_Session._fields) - 1
        sessions = [_Session._make((*row[:size], row[size:])) for row in cursor]
    if not sessions:
        return {}
    texts = zip(*(session.texts for session in sessions), strict=True)
    columns = dict(zip(COLUMNS, map(Column.of_texts, texts), strict=True))
    return columns | _Numbers(sessions, range).columns()


def read(
    website_id: UUID, days: Collection[Day], names: Iterable[str]
) -> Mapping[Day, Mapping[str, Column]]:
    """Return some columns of each day that has sessions; these are all days, or all hours."""
    found: dict[Day, dict[str, Column]] = {}
    statement = Table.of(days).complete(_READ)
    with binary_results.execute(ALIAS, statement, [website_id, list(days), list(names)]) as cursor:
        for day, name, data in cursor:
            found.setdefault(day, {})[name] = msgspec.msgpack.decode(data, type=Column)
    return found


def hits_of(website_id: UUID, days: Collection[Day]) -> int:
    """Return about how many hits some days have; no column is read."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(Table.of(days).complete(_HITS), [website_id, list(days), HIT_FLAGS])
        [[hits]] = cursor.fetchall()
        return int(hits)


class _Numbers:
    """The columns of numbers of a day's sessions."""

    def __init__(self, sessions: Sequence[_Session], range: Range) -> None:
        self.sessions = sessions
        self.range = range
        self.sizes = np.array([len(session.hit_types) for session in sessions])
        self.session_of = np.repeat(np.arange(len(sessions)), self.sizes)  # each hit
        self.whole = np.array(
            [
                each.created_at >= range.start
                and each.ended_at < range.end
                and each.hit_visitors is None
                for each in sessions
            ]
        )
        start, end = range
        self.begun = np.array([(each.created_at - start) // MS for each in sessions])
        self.times = np.array([time for each in sessions for time in each.hit_times], np.int64)
        at = np.repeat(self.begun, self.sizes) + self.times
        self.within = (at >= 0) & (at < (end - start) // MS)
        self.pages = Column.of_texts(text for each in sessions for text in each.hit_pages)
        self.hosts = Column.of_texts(
            text for each in sessions for text in each.hit_hosts or _all(each, each.hostname)
        )
        self.types = np.frombuffer("".join(each.hit_types for each in sessions).encode(), np.uint8)
        self.seconds = self._of_hits("hit_seconds")
        self.scrolls = self._of_hits("hit_scrolls")

    def columns(self) -> dict[str, Column]:
        """Return all of them."""
        visitors = [each.visitor for each in self.sessions]
        names = (text for each in self.sessions for text in each.hit_names or _all(each, None))
        numbers = {
            SESSION_FLAGS: self._session_flags(),
            HIT_FLAGS: self._hit_flags(),
            HITS: self.sizes,
            VISITOR: visitors,
            BEGUN: self.begun,
            HIT_TIME: self.times,
            SECONDS: self.seconds,
            SCROLL: self.scrolls,
            **self._visitors(np.repeat(visitors, self.sizes)),
            **dict(zip(WEIGHTS, self._weights(), strict=True)),
        }
        texts = {PAGE: self.pages, HOSTNAME: self.hosts, NAME: Column.of_texts(names)}
        return {name: Column.of_numbers(array) for name, array in numbers.items()} | texts

    def _of_hits(self, name: str) -> Array:
        """Return a number of each hit, one more than it is, and 0 where there is none."""
        numbers = [
            0 if number is None else number + 1
            for each in self.sessions
            for number in getattr(each, name) or _all(each, None)
        ]
        return np.array(numbers, np.int64)

    def _session_flags(self) -> Array:
        flags = [
            BEGINS * (each.created_at >= self.range.start)
            | VIEWED * each.is_viewed
            | BOUNCED * each.is_bounced
            | ENGAGED * each.is_engaged
            for each in self.sessions
        ]
        result: Array = np.array(flags) | WHOLE * self.whole
        return result

    def _hit_flags(self) -> Array:
        flags: Array = self.within * WITHIN
        for letter, flag in KINDS.items():
            flags |= flag * self._has_type(letter)
        flags |= FIRST_NAME * (self.types < ord("a"))
        flags |= FIRST_PAGE * self._is_first(self.pages)
        flags |= FIRST_HOST * self._is_first(self.hosts)
        return flags

    def _has_type(self, letter: str) -> Array:
        has_type: Array = (self.types | 32) == ord(letter)  # whether it is upper case or not
        return has_type

    def _is_first(self, column: Column) -> Array:
        """Return which hits are the first of their session with their text."""
        texts = column.texts or []
        numbers = column.array() if len(texts) > 1 else np.zeros(len(self.types), np.int64)
        keys = self.session_of * len(texts) + numbers
        is_first = np.zeros(len(keys), bool)
        is_first[np.unique(keys, return_index=True)[1]] = True
        return is_first

    def _visitors(self, visitors: Array) -> dict[str, Array]:
        """Return visitors that are not those of whole sessions."""
        columns: dict[str, Array] = {}
        if any(each.hit_visitors for each in self.sessions):
            own = [
                number
                for each in self.sessions
                for number in each.hit_visitors or _all(each, each.visitor)
            ]
            columns[HIT_VISITOR] = visitors = np.array(own)
        others = self.within & ~self.whole[self.session_of]
        pairs = np.unique(np.stack([self.session_of[others], visitors[others]]), axis=1)
        return columns | {OTHER_SESSION: pairs[0], OTHER_VISITOR: pairs[1]}

    def _weights(self) -> Iterable[Array]:
        """Yield what sessions count: whole ones by their columns, others by their hits."""
        sessions = self.sessions
        yield np.array([(each.ended_at - each.created_at) // MS for each in sessions])
        for column, of_hits in (
            ("page_views", self._has_type("p")),
            ("custom_events", self._has_type("c")),
            ("timed_views", self.seconds > 0),
            ("engaged_seconds", np.maximum(self.seconds - 1, 0)),
            ("scrolled_pages", self.scrolls > 0),
            ("scroll_percents", np.maximum(self.scrolls - 1, 0)),
        ):
            weights = np.where(self.within, of_hits, 0)
            by_hits = np.bincount(self.session_of, weights, len(sessions)).astype(np.int64)
            yield np.where(self.whole, [getattr(each, column) for each in sessions], by_hits)


def _all(session: _Session, value: Any) -> list[Any]:
    return [value] * len(session.hit_types)


_TESTS = [SESSION_TESTS[f"{name}_sessions"] for name in ("viewed", "bounced", "engaged")]
_SELECTED = [*_Session._fields[: -len(_TESTS) - 1], *_TESTS, *COLUMNS.values()]
_SESSIONS = f"SELECT {', '.join(_SELECTED)} FROM {SESSIONS} WHERE {OVERLAP}"
_HITS = """
SELECT coalesce(sum(octet_length(data)), 0) FROM {table}
 WHERE website_id = %s AND {key} = ANY(%s::{type}[]) AND name = %s
"""
_READ = """
SELECT {key}, name, data FROM {table}
 WHERE website_id = %s AND {key} = ANY(%s::{type}[]) AND name = ANY(%s::varchar[])
 ORDER BY {key}
"""
