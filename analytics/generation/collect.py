"""Collected events: users in the pages of the service, most of whose events arrive at once."""

from datetime import timedelta
from hashlib import sha256

from analytics.collect.ingest import TABLE
from analytics.collect.models import (
    DASHBOARD_TYPES,
    CollectedEventRow,
)
from analytics.generation.days import Day, generator
from analytics.ingest.bulk_copy import Rows
from config.api import address_hash
from config.db import uuid7

TYPES = (*DASHBOARD_TYPES, "wizard.step")
WEIGHTS = (60, 24, 8, 3, 5)
IN_A_BATCH = 0.2  # these wait in the browser
WAITS_SECONDS = 10


@generator(weight=10)
def collected_events(day: Day) -> Rows:
    """Make the collected events of a day."""
    random, world = day.random, day.world
    rows = {}
    for ms in sorted(day.times(day.rows)):
        id, at, user = day.new_id(ms), uuid7.from_ms(ms), random.choice(world.users)
        waited = random.random() * WAITS_SECONDS if random.random() < IN_A_BATCH else 0
        [page] = world.some_pages(random, 1)
        rows[id] = CollectedEventRow(
            id=id,
            created_at=at,
            received_at=at + timedelta(milliseconds=int(waited * 1000)),
            user_id=user,
            event_type=random.choices(TYPES, WEIGHTS)[0],
            event_data=f'{{"page":"{world.pages[page].path}","referrer":"/login"}}',
            ip_hash=sha256(f"{user} {day.date}".encode()).hexdigest()[: address_hash.LENGTH],
        )
    return {TABLE: rows}
