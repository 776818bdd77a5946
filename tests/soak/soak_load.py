"""Five minutes of all kinds of posts at once: rates and memory stay as they are"""

import os
import threading
from pathlib import Path

from tests.bench.figures import row
from tests.bench.rates import Kind, kinds_of, post
from tests.bench.subject import Subject, running

MINUTES = 5
# Few connections to each, so that no kind starves the others; batches make the most rows.
NAMES = ("single posts/s, 16 connections", "events/s in batches of 100", "track posts/s")
OTHERS = ("session posts/s", "page view posts/s", "platform posts/s")
CONNECTIONS = 4
LEAST_SHARE = 0.9  # of the first minute's events that the last one has
MOST_GROWTH = 0.1  # of the memory of the workers, once they are warm


def test_rates_and_memory_are_flat_under_minutes_of_load():
    with running() as subject:
        kinds = [kind for kind in kinds_of(subject) if kind.name in NAMES + OTHERS]
        events, memory = [], []
        for minute in range(MINUTES):
            events.append(events_in_a_minute(subject, kinds))
            memory.append(memory_bytes(subject))
            row(f"events/s, minute {minute + 1}", events[-1] / 60)
            row("  MB of the workers", memory[-1] / 1e6)
    assert events[-1] >= LEAST_SHARE * events[0]
    assert memory[-1] <= (1 + MOST_GROWTH) * memory[1]


def events_in_a_minute(subject: Subject, kinds: list[Kind]) -> int:
    """Post all kinds at once for a minute; return the number of events."""
    counts = []

    def load(kind: Kind) -> None:
        found = post(subject, kind, seconds=60, connections=CONNECTIONS)
        counts.append(found.requests * kind.events)

    threads = [threading.Thread(target=load, args=[kind]) for kind in kinds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counts) == len(kinds)  # none failed
    return sum(counts)


def memory_bytes(subject: Subject) -> int:
    """Return what the workers have in memory."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in subject.workers())
    return pages * os.sysconf("SC_PAGE_SIZE")
