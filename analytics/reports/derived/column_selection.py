"""Which sessions of a day fit conditions, and which of their hits count, by columns"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np

from analytics.reports.derived.day_columns import HIT_FLAGS, HITS, KINDS, SESSION_FLAGS, VIEW, Array
from analytics.reports.derived.loaded_columns import LoadedColumns, LoadedDay, column_of
from analytics.reports.queries.conditions import COLUMNS, OF_NAMES, OF_PAGES, is_positive
from analytics.reports.questions.question import Condition
from config.server.computation import compute

FLAGS = {dimension: KINDS[letter] for dimension, letter in OF_NAMES.items()}  # of hits


@dataclass(frozen=True)
class Selection:
    """What of a day fits; sessions: whether each does.

    of_pages, of_names: which hits fit all conditions on pages, or on names; None without any.
    """

    day: LoadedDay
    sessions: Array
    of_pages: Array | None
    of_names: Array | None

    @property
    def restricts_hits(self) -> bool:
        return self.of_pages is not None or self.of_names is not None

    @cached_property
    def hits(self) -> Array:
        """Whether each hit counts."""
        hits: Array = self.sessions[self.day.session_of]
        pages, names = self.of_pages, self.of_names
        if pages is not None and names is not None:
            return hits & (self.day.has(HIT_FLAGS, VIEW) & pages | names)
        for restriction in (pages, names):
            if restriction is not None:
                hits = hits & restriction
        return hits


def chooses_hits(condition: Condition) -> bool:
    """Return whether only some hits of fitting sessions count under a condition."""
    return condition.dimension not in COLUMNS and is_positive(condition)


def select_all(columns: LoadedColumns, conditions: Sequence[Condition]) -> list[Selection]:
    """Select what of each day fits all conditions."""
    names = [column_of(each.dimension) for each in conditions]
    of_hits = [] if set(names) <= set(COLUMNS) else [HITS, HIT_FLAGS]
    columns.load([*names, *of_hits, SESSION_FLAGS])
    texts = map(columns.texts, names)
    fits = [of_name.fitting(each) for of_name, each in zip(texts, conditions, strict=True)]
    return [compute(select, day, conditions, fits) for day in columns]


def select(day: LoadedDay, conditions: Sequence[Condition], fits: Sequence[Array]) -> Selection:
    """Select what fits all conditions; fits: which texts fit each, or of a negative one do not."""
    sessions = np.ones(len(day.array(SESSION_FLAGS)), bool)
    pages: list[Array] = []
    names: list[Array] = []
    for condition, texts in zip(conditions, fits, strict=True):
        if condition.dimension in COLUMNS:
            found = day.fitting(condition.dimension, texts)
        else:
            hits = _fitting_hits(day, condition, texts)
            found = np.zeros(len(sessions), bool)
            found[day.session_of[hits]] = True
            if chooses_hits(condition):
                (pages if condition.dimension in OF_PAGES else names).append(hits)
        sessions &= found if is_positive(condition) else ~found
    return Selection(day, sessions, _all_of(pages), _all_of(names))


def _fitting_hits(day: LoadedDay, condition: Condition, texts: Array) -> Array:
    hits = day.fitting(column_of(condition.dimension), texts)
    flag = FLAGS.get(condition.dimension)
    return hits & day.has(HIT_FLAGS, flag) if flag else hits


def _all_of(masks: Sequence[Array]) -> Array | None:
    return reduce(np.logical_and, masks) if masks else None
