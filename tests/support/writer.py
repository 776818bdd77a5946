"""Groups of the writer, held and watched"""

import threading
from contextlib import contextmanager

from django.db import connections

from analytics.events.ingest import TABLE
from analytics.ingest import commit, writer
from analytics.ingest.group_writer import GroupWriter
from tests.support.events import new_row

TIMEOUT_SECONDS = 30.0  # seconds after which a test gives up


@contextmanager
def writer_paused():
    """Keep the writer's thread of events busy; yields the event that lets it go on."""
    store, is_held, go = commit.store_group, threading.Event(), threading.Event()

    def held(target, group):
        is_held.set()
        assert go.wait(TIMEOUT_SECONDS)
        return store(target, group)

    commit.store_group = held
    try:
        with write_in_thread(new_row(os="first")) as first:
            assert is_held.wait(TIMEOUT_SECONDS)
            yield go
            go.set()
            first()
    finally:
        go.set()
        commit.store_group = store


@contextmanager
def write_in_thread(*rows):
    """Write rows from another thread; yields a call that waits for the outcomes."""
    responses = []
    thread = threading.Thread(target=lambda: responses.append(writer.write(TABLE, rows)))
    thread.start()

    def answer():
        thread.join(TIMEOUT_SECONDS)
        return responses[0]

    try:
        yield answer
    finally:
        thread.join(TIMEOUT_SECONDS)


@contextmanager
def rejecting_rows(condition, table="analytics_event"):
    """Let PostgreSQL reject new rows that break a condition."""
    with connections["analytics"].cursor() as cursor:
        name = "only_for_this_test"
        table = f"ALTER TABLE {table}"
        cursor.execute(f"{table} ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")
        try:
            yield
        finally:
            cursor.execute(f"{table} DROP CONSTRAINT {name}")


class OtherProcess:
    """The writers that another process would have."""

    def __init__(self):
        self._writers = {}
        self._starting = threading.Lock()

    def write(self, target, items):
        """Write as `writer.write` does."""
        with self._starting:
            if target not in self._writers:
                self._writers[target] = GroupWriter(target)
        return self._writers[target].write(items)

    def stop(self):
        for each in self._writers.values():
            each.stop(seconds=5)


def writer_state():
    """Return how the writer stands."""
    return writer.state("analytics")


def writer_threads():
    """Return the threads of all writers that run."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("writer-")]
