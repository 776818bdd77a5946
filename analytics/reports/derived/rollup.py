"""The rollup: brings website sessions up to date with the events that came or went.

It has no watermark: events become visible in the order of their commits, not of their ids. Marks
say what changed; the sessions of marked events are made anew from all their events, so that it
does not matter how often, in which order and by how many processes that is done.
"""

import hashlib
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import OperationalError, connections, transaction

from analytics.reports.derived import heavy_sessions, marks, sealing, site_rules
from analytics.reports.derived.changed_sessions import begun_below, changed_sessions
from analytics.reports.derived.marks import Mark
from analytics.reports.derived.rollup_models import DirtyRange, EventFloor
from analytics.reports.facts import session_rows
from analytics.reports.facts.session_events import facts_of_sessions
from analytics.reports.facts.session_facts import MAX_HITS, SessionFacts, SiteRules
from analytics.reports.facts.session_rows import Displaced
from analytics.reports.models import WebsiteSession
from config.db import cluster, deadline, uuid7
from config.db.routers import home
from config.server import disk_guard
from websites.models import DeletedWebsite, Website

ALIAS = home(WebsiteSession)
MAX_EVENTS = 20_000  # that one transaction reads, but for the last session
MAX_EVENTS_OF_READS = 5_000  # of a transaction for which a request waits
ROWS = 500  # that are replaced by one COPY
LOCK_PAUSE_SECONDS = 0.02
EVERYWHERE = uuid7.LOWEST, uuid7.HIGHEST
NOWHERE = uuid7.LOWEST, uuid7.LOWEST
MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Step:
    """What one transaction has done."""

    events: int = 0
    sessions: int = 0


def refresh(website: Website, seconds: float) -> bool:
    """Bring the sessions of a website up to date; return whether that was done within the time.

    If it was not, they are as of `as_of`.
    """
    ends_at = time.monotonic() + seconds
    if disk_guard.is_low():  # what is derived of events takes room, too
        return False
    try:
        with deadline.within(seconds):
            while is_due(website):
                left = ends_at - time.monotonic()
                if left <= 0 or not roll_up(website.pk, left, most=MAX_EVENTS_OF_READS):
                    return False
    except OperationalError:
        return False
    return True


def refresh_all(websites: Sequence[Website], seconds: float) -> None:
    """Bring the sessions of several websites up to date, as many as the time allows."""
    ends_at = time.monotonic() + seconds
    ids = [website.pk for website in websites]
    marked = DirtyRange.objects.filter(website_id__in=ids).values_list("website_id", flat=True)
    due = {*marked.distinct(), *heavy_sessions.due_websites()}
    due |= {website.pk for website in site_rules.websites_to_rebuild(websites)}
    for website in websites:
        if website.pk in due:
            refresh(website, max(ends_at - time.monotonic(), 0))


def as_of(website_id: UUID, now: datetime) -> datetime:
    """Return the time until which the sessions of a website have all events."""
    waiting = _waiting(website_id)
    return min(filter(None, [now, waiting.since, waiting.heavy_since]))


def is_due(website: Website) -> bool:
    """Return whether sessions of a website are to be made anew."""
    waiting = _waiting(website.pk)
    return (
        waiting.since is not None
        or (waiting.heavy_since is not None and heavy_sessions.is_due(waiting.heavy_since))
        or waiting.fingerprint != site_rules.fingerprint(site_rules.rules_of(website))
    )


def is_marked(website_id: UUID) -> bool:
    return DirtyRange.objects.filter(website_id=website_id).exists()


def roll_up(
    website_id: UUID, wait_seconds: float = 0, *, most: int = MAX_EVENTS, all_heavy: bool = False
) -> Step | None:
    """Make some of the sessions anew whose events are marked; return None if it was not possible.

    Another process has the website for too long then, or the main database does not know it, and
    its marks wait. all_heavy: heavy sessions do not wait.
    """
    with deadline.long_transaction(ALIAS):
        if not lock(website_id, wait_seconds):
            return None
        since = _oldest_mark(website_id)
        # Within the lock, so that no process stores older rules after newer ones.
        website = Website.objects.filter(pk=website_id).first()
        if website is None:
            return _forget(website_id, most)
        rules = _current_rules(website)
        floor = EventFloor.current()
        taken = marks.take(website_id, most)
        cluster.await_commits(ALIAS)  # of the events for which these marks stand
        changed = changed_sessions(website_id, taken, most, floor=floor)
        heavy = heavy_sessions.take(website_id, changed.ids, all=all_heavy)
        # What retention has left of a session says less than its row.
        frozen = begun_below(website_id, [*changed.ids, *heavy.due], floor)
        work = _Work(website_id, rules)
        work.make([id for id in heavy.due if id not in frozen])
        ids = [id for id in changed.ids if id not in heavy.handled | frozen]
        unmade = work.make(ids, most=most)
        left = [Mark(website_id, *range) for range in changed.unread]
        left += [Mark(website_id, *NOWHERE, session_id=id) for id in unmade]
        marks.add(left, since=since)
        if EventFloor.current() != floor:  # some events may have gone before they were read
            transaction.set_rollback(True, using=ALIAS)
            return Step()
    return Step(work.events, work.sessions)


def _forget(website_id: UUID, most: int) -> Step | None:
    """Take marks of a website that was deleted; those of an unknown one stay."""
    if not DeletedWebsite.objects.filter(pk=website_id).exists():
        return None
    marks.take(website_id, most)
    return Step()


def rebuild(website_id: UUID) -> None:
    """Mark all sessions of a website to be made anew, by the next rollups.

    The mark comes before those that wait, which are taken along with what it stands for: after
    them, their sessions would be made twice.
    """
    oldest = _oldest_mark(website_id)
    marks.add([Mark(website_id, *EVERYWHERE)], since=oldest and oldest - MILLISECOND)


def lock(website_id: UUID, seconds: float) -> bool:
    """Let no other transaction change what is derived of a website until this one ends.

    Returns False if another one has it for so many seconds.
    """
    ends_at = time.monotonic() + seconds
    with connections[ALIAS].cursor() as cursor:
        while True:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_lock_key(website_id)])
            [[is_locked]] = cursor.fetchall()
            if is_locked or time.monotonic() >= ends_at:
                return bool(is_locked)
            time.sleep(LOCK_PAUSE_SECONDS)


class _Waiting(NamedTuple):
    """What of a website waits to be made anew.

    since: the time of the oldest mark. heavy_since: when the first of the heavy sessions was made
    that changed. fingerprint: of the rules that the sessions were made with.
    """

    since: datetime | None
    heavy_since: datetime | None
    fingerprint: str | None


def _waiting(website_id: UUID) -> _Waiting:
    """Return what waits, by one statement: each request for statistics asks twice."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(_WAITING, {"website": website_id})
        [[mark, *rest]] = cursor.fetchall()
    return _Waiting(uuid7.time_of(mark) if mark else None, *rest)


class _Work:
    """Sessions of a website that one transaction makes anew."""

    def __init__(self, website_id: UUID, rules: SiteRules) -> None:
        self._website_id, self._rules = website_id, rules
        self._facts: dict[str, SessionFacts | None] = {}
        self._hits = 0
        self.events = self.sessions = 0

    def make(self, session_ids: list[str], *, most: int | None = None) -> list[str]:
        """Make sessions until they have too many events; return those that are not made."""
        done = events = 0
        made = facts_of_sessions(self._website_id, session_ids, self._rules)
        with closing(made):
            for id, facts, count in made:
                self._add(id, facts, count)
                done, events = done + 1, events + count
                if most and events >= most:
                    break
        self._replace()
        return session_ids[done:]

    def _add(self, id: str, facts: SessionFacts | None, events: int) -> None:
        self._facts[id] = facts
        self._hits += len(facts.hits) if facts else 0
        self.events += events
        self.sessions += 1
        if events > heavy_sessions.EVENTS:
            heavy_sessions.note(self._website_id, id)
        if len(self._facts) >= ROWS or self._hits >= MAX_HITS:
            self._replace()

    def _replace(self) -> None:
        if self._facts:
            replaced = session_rows.replace(self._website_id, self._facts)
            sealing.unseal(self._website_id, replaced.spans)
            _mark_displaced(replaced.displaced)
            self._facts, self._hits = {}, 0


def _mark_displaced(rows: Iterable[Displaced]) -> None:
    for id, website_id, span in rows:
        last = UUID(int=uuid7.floor(span.end).int | ((1 << 80) - 1))
        marks.add([Mark(website_id, id, last)])
        sealing.unseal(website_id, [span])


def _current_rules(website: Website) -> SiteRules:
    """Return the rules of a website; if its sessions were made with others, mark all of them."""
    rules = site_rules.rules_of(website)
    if not site_rules.are_applied(website.pk, rules):
        rebuild(website.pk)
        site_rules.store(website.pk, rules)
    return rules


def _oldest_mark(website_id: UUID) -> datetime | None:
    ids = DirtyRange.objects.filter(website_id=website_id).values_list("id", flat=True)
    oldest = ids.order_by("id").first()
    return uuid7.time_of(oldest) if oldest else None


def _lock_key(website_id: UUID) -> int:
    digest = hashlib.blake2b(website_id.bytes, digest_size=8, person=b"rollup").digest()
    return int.from_bytes(digest, signed=True)


_WAITING = """
SELECT (SELECT id FROM analytics_dirtyrange
         WHERE website_id = %(website)s ORDER BY id LIMIT 1),
       (SELECT min(made_at) FROM analytics_heavysession
         WHERE website_id = %(website)s AND is_marked),
       (SELECT fingerprint FROM analytics_websiterules WHERE website_id = %(website)s)
"""
