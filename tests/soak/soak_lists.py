"""A thousand slow lists at once: posts go on at nearly their rate"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from tests.bench.figures import ratio, row, times
from tests.bench.rates import Kind, kinds_of, post
from tests.bench.subject import Subject, running
from tests.support.live_client import Connection

LISTS = 1000
TURNS = 5
SECONDS = 4
FILL_SECONDS = 20  # of batches, through which a list of a rare kind of events must look
LEAST_SHARE = 0.9


def test_a_thousand_slow_lists_leave_ingest_at_its_rate():
    alone, beside = [], []
    with running() as subject:
        singles, _, batches, *_ = kinds_of(subject)
        filled = post(subject, batches, seconds=FILL_SECONDS)
        row("events in the table", filled.requests * batches.events)
        for _ in range(TURNS):
            alone.append(post(subject, singles, seconds=SECONDS))
            beside.append(post_beside_lists(subject, singles))
    share = median(
        each.per_second / other.per_second for each, other in zip(beside, alone, strict=True)
    )
    ratio("beside 1000 lists / alone", share, times(*beside))
    assert share >= LEAST_SHARE


def post_beside_lists(subject: Subject, kind: Kind):
    with listing(subject) as statuses:
        load = post(subject, kind, seconds=SECONDS)
    row("  of the lists", sum(statuses.values()), str(dict(statuses)))
    assert statuses.keys() <= {200, 503}
    return load


@contextmanager
def listing(subject: Subject) -> Iterator[Counter[int]]:
    """Ask for a thousand lists at once, and wait for all of them when the block ends."""
    code = subject.events.tracking_code
    path = f"/api/v1/events?trackingCode={code}&eventType=rare&limit=1000"
    statuses: Counter[int] = Counter()

    def ask() -> None:
        with Connection(subject.port) as connection:
            statuses[connection.send("GET", path).status] += 1

    threads = [threading.Thread(target=ask) for _ in range(LISTS)]
    for thread in threads:
        thread.start()
    yield statuses
    for thread in threads:
        thread.join()
