"""Rollups of all websites: once, or for ever in the background of `serve`"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import InterfaceError, OperationalError, connections

from analytics.people import waiting
from analytics.reports.derived import heavy_sessions, marks, rollup, sealing, site_rules
from analytics.reports.derived.rollup import Step
from analytics.reports.derived.rollup_models import DirtyRange
from config.db import deadline, uuid7
from config.server import disk_guard
from websites.models import Website

logger = logging.getLogger(__name__)
PAUSE_SECONDS = 10  # between two passes over all websites
SEAL_SECONDS = 3_600  # between two looks for days and hours to seal, of all websites
# Between two looks for hours alone, of websites that had events since. Days wait, for each event of
# a session that goes on for weeks unseals all of them.
SEAL_HOURS_SECONDS = 300
WAIT_SECONDS = 60  # for a process that has the website
SEALING_SECONDS = ERASURE_SECONDS = 30  # of one pass, so that new events do not wait for long


def due_websites() -> list[UUID]:
    """Return the websites with sessions that are to be made anew."""
    marked = set(DirtyRange.objects.values_list("website_id", flat=True).distinct())
    changed = {each.pk for each in site_rules.websites_to_rebuild(Website.objects.order_by("pk"))}
    return sorted(marked | changed | heavy_sessions.due_websites())


def roll_up_due(websites: Iterable[UUID]) -> Iterator[Step]:
    """Roll up websites in turn, each by one transaction at a time, until nothing is due.

    Yields what each has done. A website that another process has is left to it, and one that fails
    to the next run.
    """
    rest = list(websites)
    while rest:
        due = []
        for website_id in rest:
            step = _roll_up(website_id)
            if step:
                yield step
                if rollup.is_marked(website_id):
                    due.append(website_id)
        rest = due


def rebuild(website_id: UUID) -> Iterator[Step]:
    """Make the totals and all sessions of a website anew, heavy ones included."""
    with deadline.long_transaction(rollup.ALIAS):
        if rollup.lock(website_id, WAIT_SECONDS):
            marks.recount(website_id)
    rollup.rebuild(website_id)
    while rollup.is_marked(website_id):
        yield rollup.roll_up(website_id, WAIT_SECONDS) or Step()
    for _ in range(0, len(heavy_sessions.waiting(website_id)), heavy_sessions.MAX_DUE):
        yield rollup.roll_up(website_id, WAIT_SECONDS, all_heavy=True) or Step()


def seal_all(websites: Iterable[Website], *, hours_only: bool = False) -> Iterator[int]:
    """Seal the days and hours of websites that are over; yield 1 for each."""
    for website in websites:
        while _seal(website, hours_only=hours_only):
            yield 1


def run_forever(pause: Callable[[float], object] = time.sleep) -> None:
    """Roll up what is due and seal days, again and again; databases that are away are awaited.

    Beside it the accounts go that were deleted: one process more would take as much memory.
    """
    seals = _Sealing()
    erasure_rest: Iterator[int] = iter(())
    while True:
        started = time.monotonic()
        try:
            due = due_websites()
            for _ in roll_up_due(due):
                pass
            seals.look(due, started)
            _spend(seals.steps, SEALING_SECONDS)
            if _spend(erasure_rest, ERASURE_SECONDS):
                erasure_rest = waiting.erase_waiting()
        except (OperationalError, InterfaceError) as error:
            logger.warning("The rollup needs a database that is away: %s", error)
            erasure_rest = iter(())
            connections.close_all()
        pause(max(0.0, PAUSE_SECONDS - (time.monotonic() - started)))


class _Sealing:
    """What is left to be sealed."""

    def __init__(self) -> None:
        self.steps: Iterator[int] = iter(())
        self._busy: set[UUID] = set()
        self._all_at = self._hours_at = float("-inf")

    def look(self, due: Iterable[UUID], now: float) -> None:
        """Look for more, if it is time to; due: websites that had events."""
        self._busy.update(due)
        websites = Website.objects.order_by("pk")
        if now >= self._all_at:
            self.steps = seal_all(websites)
            self._all_at = now + SEAL_SECONDS
        elif now >= self._hours_at:
            busy = websites.filter(pk__in=self._busy)
            self.steps = chain(seal_all(busy, hours_only=True), self.steps)
        else:
            return
        self._busy = set()
        self._hours_at = now + SEAL_HOURS_SECONDS


def _spend(steps: Iterator[int], seconds: float) -> bool:
    """Take steps for some seconds; return whether these were the last."""
    ends_at = time.monotonic() + seconds
    return all(time.monotonic() < ends_at for _ in steps)


def _roll_up(website_id: UUID) -> Step | None:
    if disk_guard.look():
        return None
    with _failing_alone(website_id):
        return rollup.roll_up(website_id)
    return None


@contextmanager
def _failing_alone(website_id: UUID) -> Iterator[None]:
    """Log whatever is wrong with one website, so that the others go on."""
    try:
        yield
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("The rollup of website %s failed", website_id)


def _seal(website: Website, *, hours_only: bool) -> bool:
    """Seal a day or an hour of a website, unless another process has it."""
    if disk_guard.look():
        return False
    with _failing_alone(website.pk), deadline.long_transaction(rollup.ALIAS):
        if not rollup.lock(website.pk, 0):
            return False
        zone, now = ZoneInfo(website.timezone), uuid7.now()
        return sealing.seal_due(website.pk, zone, now, hours_only=hours_only)
    return False
