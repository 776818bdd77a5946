"""Columns of the sealed days of a range, read as they are needed"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from uuid import UUID

import numpy as np

from analytics.reports.derived import day_columns
from analytics.reports.derived.day_columns import (
    HIT_FLAGS,
    HIT_VISITOR,
    HITS,
    HOSTNAME,
    NAME,
    PAGE,
    SESSION_FLAGS,
    VISITOR,
    Array,
    Column,
    Day,
)
from analytics.reports.queries.conditions import OF_NAMES, fitting_texts
from analytics.reports.questions.question import Condition

OF_HITS = (PAGE, HOSTNAME, NAME)
ENDS = ("entryPage", "exitPage")


@dataclass(slots=True)
class Texts:
    """The texts of all days of columns that are compared with each other, numbered."""

    index: dict[str | None, int] = field(default_factory=dict)

    def numbers_of(self, texts: Sequence[str | None]) -> Array:
        """Return the numbers of texts, of new ones the next."""
        new = dict.fromkeys(texts).keys() - self.index.keys()
        self.index.update(zip(new, count(len(self.index)), strict=False))
        return np.fromiter(map(self.index.__getitem__, texts), np.int64, len(texts))

    def fitting(self, condition: Condition) -> Array:
        """Return for each text whether it fits a condition, or of a negative one its opposite."""
        fits = np.zeros(len(self.index), bool)
        fits[fitting_texts(list(self.index), condition)] = True
        return fits


@dataclass
class LoadedDay:
    """The columns of one day; numbers: of the texts of each column, in its order."""

    number: int
    columns: dict[str, Column] = field(default_factory=dict)
    numbers: dict[str, Array] = field(default_factory=dict)

    def array(self, name: str) -> Array:
        column = self.columns[name]
        if column.texts and len(column.texts) == 1:
            size = len(self.array(HIT_FLAGS if name in OF_HITS else SESSION_FLAGS))
            return np.zeros(size, np.uint8)
        return column.array()

    def texts(self, name: str) -> Array:
        """Return the number of its text for each element of a column."""
        return self.numbers[name][self.array(name)]

    def fitting(self, name: str, fits: Array) -> Array:
        """Return whether its text fits, for each element of a column; fits: by number."""
        of_day: Array = fits[self.numbers[name]]
        return of_day[self.array(name)]

    def has(self, name: str, flag: int) -> Array:
        """Return which sessions, or hits, have a flag."""
        return (self.array(name) & flag) > 0

    @cached_property
    def session_of(self) -> Array:
        """The number of its session, for each hit."""
        sizes = self.array(HITS)
        return np.repeat(np.arange(len(sizes), dtype=np.uint32), sizes)

    def hit_visitors(self, hits: Array) -> Array:
        """Return the number of its visitor for each of some hits."""
        if HIT_VISITOR in self.columns:
            return self.array(HIT_VISITOR)[hits]
        return self.array(VISITOR)[self.session_of[hits]]


@dataclass
class LoadedColumns:
    """Columns of some days of a website."""

    website_id: UUID
    days: Sequence[Day]
    _texts: dict[str, Texts] = field(default_factory=dict)
    _loaded: dict[Day, LoadedDay] = field(default_factory=dict)
    _names: set[str] = field(default_factory=set)

    def __iter__(self) -> Iterator[LoadedDay]:
        yield from self._loaded.values()

    def load(self, names: Collection[str]) -> None:
        """Read columns that were not read before."""
        missing = set(names) - self._names
        self._names |= missing
        if not missing:
            return
        numbers = {day: number for number, day in enumerate(self.days)}
        found = day_columns.read(self.website_id, self.days, missing)
        for day, columns in found.items():
            loaded = self._loaded.setdefault(day, LoadedDay(numbers[day]))
            loaded.columns |= columns
            for name, column in columns.items():
                if column.texts is not None:
                    loaded.numbers[name] = self.texts(name).numbers_of(column.texts)

    def texts(self, name: str) -> Texts:
        """Return the texts of a column, which pages share."""
        return self._texts.setdefault(PAGE if name in ENDS else name, Texts())


def column_of(dimension: str) -> str:
    """Return the column that has a dimension."""
    return NAME if dimension in OF_NAMES else dimension
