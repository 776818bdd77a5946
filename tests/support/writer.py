"""Groups of the writer, held and watched"""

import threading
from contextlib import contextmanager

from django.db import connections

from analytics.events.ingest import TABLE
from analytics.ingest import commit, writer
from tests.support.events import event_row

PATIENCE = 30.0  # seconds after which a test gives up


@contextmanager
def group_held():
    """Keep the writer's thread busy; yields the event that lets it go on."""
    store, is_held, go = commit.store_group, threading.Event(), threading.Event()

    def held(alias, group):
        is_held.set()
        assert go.wait(PATIENCE)
        return store(alias, group)

    commit.store_group = held
    try:
        with threading_post(event_row(os="first")) as first:
            assert is_held.wait(PATIENCE)
            yield go
            go.set()
            first()
    finally:
        go.set()
        commit.store_group = store


@contextmanager
def threading_post(*rows):
    """Write rows from another thread; yields a call that waits for the answer."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(writer.write(TABLE, rows)))
    thread.start()

    def answer():
        thread.join(PATIENCE)
        return answers[0]

    try:
        yield answer
    finally:
        thread.join(PATIENCE)


@contextmanager
def check(condition):
    """Let PostgreSQL refuse new rows that break a condition."""
    with connections["analytics"].cursor() as cursor:
        name = "only_for_this_test"
        table = "ALTER TABLE analytics_event"
        cursor.execute(f"{table} ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")
        try:
            yield
        finally:
            cursor.execute(f"{table} DROP CONSTRAINT {name}")


def state():
    """Return how the writer stands."""
    return writer.state("analytics")
