"""A thousand clients that read slow lists: posts go on at nearly their rate"""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from tests.bench.figures import ratio, row, times
from tests.bench.rates import Kind, kinds_of, post
from tests.bench.subject import Subject, running
from tests.support.live_client import Connection

CLIENTS = 1000
TURNS = 4
SECONDS = 8
FILL_SECONDS = 20  # of batches, through which a list of a rare kind of events must look
WAIT_SECONDS = 5  # of Retry-After
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
    shares = [each.per_second / other.per_second for each, other in zip(beside, alone, strict=True)]
    row("posts/s alone", median(each.per_second for each in alone), times(*alone))
    row("  beside 1000 clients of lists", median(each.per_second for each in beside))
    ratio("  beside / alone", median(shares), times(*beside))
    assert median(shares) >= LEAST_SHARE


def post_beside_lists(subject: Subject, kind: Kind):
    with listing(subject) as statuses:
        time.sleep(WAIT_SECONDS + 1)  # until all of them have come
        load = post(subject, kind, seconds=SECONDS)
    row("  responses of lists", sum(statuses.values()), str(dict(statuses)))
    assert statuses.keys() <= {200, 503}
    return load


@contextmanager
def listing(subject: Subject) -> Iterator[Counter[int]]:
    """Let clients read a list again and again, and come back after Retry-After."""
    code = subject.events.tracking_code
    path = f"/api/v1/events?trackingCode={code}&eventType=rare&limit=1000"
    statuses: Counter[int] = Counter()
    is_over = threading.Event()

    def read() -> None:
        is_over.wait(random.uniform(0, WAIT_SECONDS))
        with Connection(subject.port) as connection:
            while not is_over.is_set():
                status = connection.send("GET", path).status
                statuses[status] += 1
                if status == 503:
                    is_over.wait(WAIT_SECONDS)

    threads = [threading.Thread(target=read) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
