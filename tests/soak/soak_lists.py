"""A thousand clients that wait for slow lists: posts go on at nearly their rate

Each list looks through all events of a website for a type that none of them has.
"""

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Self

from tests.bench.figures import ratio, row, times
from tests.bench.generator import Load
from tests.bench.rates import Kind, kinds_of, post
from tests.bench.subject import Subject, running
from tests.support.list_readers import RETRY_SECONDS, reading_lists
from tests.support.live_client import send_request
from tests.support.processes import children

CLIENTS = 1000
TURNS = 4
SECONDS = 10
FILL_SECONDS = 20
LEAST_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Turn:
    """Posts for some seconds, and the CPU time that workers and PostgreSQL took meanwhile."""

    load: Load
    cpu_ms: float

    @classmethod
    def of(cls, subject: Subject, kind: Kind) -> Self:
        before = cpu_seconds(subject)
        load = post(subject, kind, seconds=SECONDS)
        return cls(load, (cpu_seconds(subject) - before) * 1000 / SECONDS)

    @property
    def ms_of_a_post(self) -> float:
        return self.cpu_ms / self.load.per_second


def test_a_thousand_slow_lists_leave_ingest_at_its_rate():
    alone, beside = [], []
    with running() as subject:
        singles, _, batches, *_ = map(of_page_views, kinds_of(subject))
        filled = post(subject, batches, seconds=FILL_SECONDS)
        row("events in the table", filled.requests * batches.events)
        code = subject.events.tracking_code
        path = f"/api/v1/events?trackingCode={code}&eventType=click&limit=1000"
        row("ms of a list alone", send_request(subject.port, "GET", path).seconds * 1000)
        for _ in range(TURNS):
            alone.append(Turn.of(subject, singles))
            beside.append(beside_lists(subject, singles, path))
    shares = [
        one.load.per_second / other.load.per_second
        for one, other in zip(beside, alone, strict=True)
    ]
    for name, turns in (("posts/s alone", alone), ("  beside 1000 clients of lists", beside)):
        loads = [turn.load for turn in turns]
        row(name, median(load.per_second for load in loads), times(*loads))
    spent = [
        one.cpu_ms - one.load.per_second * other.ms_of_a_post
        for one, other in zip(beside, alone, strict=True)
    ]
    row("  ms CPU a second of the lists", median(spent), f"of {os.cpu_count()} cores")
    ratio("  beside / alone", median(shares))
    assert median(shares) >= LEAST_SHARE


def of_page_views(kind: Kind) -> Kind:
    return replace(kind, bodies=[body.replace(b'"click"', b'"pageview"') for body in kind.bodies])


def beside_lists(subject: Subject, kind: Kind, path: str) -> Turn:
    with reading_lists(subject.port, [path] * CLIENTS) as readers:
        time.sleep(RETRY_SECONDS + 1)  # until all of them have come
        before, cpu_seconds = readers.statuses.copy(), readers.cpu_seconds
        turn = Turn.of(subject, kind)
        statuses = readers.statuses - before
        row("  responses of lists", statuses.total(), str(dict(statuses)))
        ms = (readers.cpu_seconds - cpu_seconds) * 1000 / SECONDS
        row("  ms CPU a second of their clients", ms)
    assert statuses.keys() == {200, 503}
    return turn


def cpu_seconds(subject: Subject) -> float:
    """Return the CPU seconds of workers and PostgreSQL so far."""
    processes = [*subject.workers(), *children(subject.postmaster)]
    ticks = sum(sum(ticks_of(pid)[:2]) for pid in processes)
    ticks += sum(ticks_of(subject.postmaster)[2:])  # of connections that have ended
    return ticks / os.sysconf("SC_CLK_TCK")


def ticks_of(pid: int) -> list[int]:
    """Return the user and system time of a process, and of its children that have ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return [0] * 4
    return [*map(int, text.rpartition(")")[2].split()[11:15])]
