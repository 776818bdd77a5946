"""Writers and rollups of one website at once"""

import json
import random
import threading
import time
from collections import Counter

from django.db import connections

from analytics.events.ingest import TABLE
from analytics.events.models import Event
from analytics.ingest.commit import store_group
from analytics.reports.derived import rollup_runs
from config.db import uuid7
from tests.support.events import new_row
from websites.models import Website

DAY_MS = 86_400_000
SESSIONS = 100  # of two seconds: else they would have more and more events
MOST_KNOWN = 500  # events that a writer repeats and deletes


def load(website, *, seconds, writers=16, rollups=2):
    """Store, repeat and delete events while others roll up and seal; return what was done."""
    counts: Counter[str] = Counter()
    errors: list[Exception] = []
    ends_at = time.monotonic() + seconds

    def run(work, *arguments):
        try:
            while time.monotonic() < ends_at:
                counts.update(work(*arguments))
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    workers = [Writer(website, number) for number in range(writers)]
    threads = [threading.Thread(target=run, args=[each.write]) for each in workers]
    threads += [threading.Thread(target=run, args=[roll_up]) for _ in range(rollups)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors
    return counts


def roll_up():
    steps = list(rollup_runs.roll_up_due(rollup_runs.due_websites()))
    days = sum(rollup_runs.seal_all(Website.objects.all()))
    return {"rolled up": sum(step.events for step in steps), "sealed days": days}


class Writer:
    """A process that stores events, most of them new, and deletes some."""

    def __init__(self, website, seed):
        self._website, self._chance = website, random.Random(seed)
        self._known = []

    def write(self):
        chance = self._chance.random()
        if self._known and chance < 0.1:
            return self._delete()
        if self._known and chance < 0.2:
            return self._store([self._chance.choice(self._known)], "repeated")
        count = self._chance.choice([1, 1, 1, 10])
        return self._store([self._row(self._age()) for _ in range(count)], "new")

    def _store(self, rows, kind):
        store_group(TABLE, [rows])
        self._known = [*self._known, *rows][-MOST_KNOWN:]
        return {kind: len(rows)}

    def _delete(self):
        rows = self._chance.sample(self._known, min(3, len(self._known)))
        deleted, _ = Event.objects.filter(id__in=[row.id for row in rows]).delete()
        if self._chance.random() < 0.5:  # its id comes again, of another session
            again = rows[0]._replace(session_id=f"again-{self._chance.randrange(SESSIONS)}")
            self._known.append(again)
            store_group(TABLE, [[again]])
        return {"deleted": deleted}

    def _age(self):
        """Return how late an event is, in milliseconds; each of a commit may be of its own hour."""
        return self._chance.choice([0, 0, 0, 0, self._chance.randrange(3 * DAY_MS)])

    def _row(self, age):
        ms = uuid7.now_ms() - age
        type = self._chance.choice(["pageview", "pageview", "click", "custom"])
        name = self._chance.choice(["signup", "$engagement", '"{,\\N}"'])
        properties = json.dumps({"name": name, "seconds": self._chance.randrange(100)})
        return new_row(
            id=uuid7.new_id(ms),
            created_at=uuid7.from_ms(ms),
            website_id=self._website.pk,
            event_type=type,
            url=f"https://example.com/{self._chance.randrange(20)}",
            session_id=f"sess-{time.monotonic() // 2:.0f}-{self._chance.randrange(SESSIONS)}",
            visitor_id=f"vis-{self._chance.randrange(SESSIONS)}",
            properties=properties if type == "custom" else None,
        )
