"""Storing what was spooled, of which some may be stored already."""

import time
from collections.abc import Sequence
from typing import Any

from analytics.ingest import commit, retries
from analytics.ingest.commit import Target
from analytics.ingest.updates import Updates
from config.api.outcomes import Outcome

STORED = (Outcome.STORED, Outcome.DUPLICATE)


def store(target: Target, items: Sequence[Any]) -> list[tuple[Any, Outcome]]:
    """Store items as a writer does, and return each with its outcome.

    STORED; DUPLICATE, for one that is there; else it is refused. Raises DatabaseError.
    """
    if isinstance(target, Updates):
        items = [change.repeatable() for change in items]
    started = time.perf_counter()
    [outcomes] = commit.store_group(target, [items])
    commit.count_new_rows(target, [items], [outcomes])
    commit.observe([items], time.perf_counter() - started)
    if not isinstance(target, Updates):
        outcomes = retries.reject_foreign(target, items, outcomes)
    return list(zip(items, outcomes, strict=True))
