"""Traffic of collect: what logged-in users do, most of it sent at once, some in batches."""

from datetime import timedelta
from hashlib import sha256

from analytics.collect.ingest import TABLE
from analytics.collect.models import DASHBOARD_TYPES, CollectedEventRow
from analytics.synthetic.hours import Rows
from config.api import address_hash
from config.db import uuid7
from tests.traffic.day import StreamDay

TYPES = (*DASHBOARD_TYPES, "wizard.step")
WEIGHTS = (60, 24, 8, 3, 5)
BATCHED_SHARE = 0.2  # these wait in the browser
MAX_WAIT_SECONDS = 10


def collected_events(day: StreamDay) -> Rows:
    """Return the collected events of a day."""
    random, dataset = day.random, day.dataset
    rows = {}
    for ms in sorted(day.random_times(day.rows)):
        id, at, user = day.new_id(ms), uuid7.from_ms(ms), random.choice(dataset.users)
        waited = random.random() * MAX_WAIT_SECONDS if random.random() < BATCHED_SHARE else 0
        [page] = dataset.random_pages(random, 1)
        rows[id] = CollectedEventRow(
            id=id,
            created_at=at,
            received_at=at + timedelta(milliseconds=int(waited * 1000)),
            user_id=user,
            event_type=random.choices(TYPES, WEIGHTS)[0],
            event_data=f'{{"page":"{dataset.pages[page].path}","referrer":"/login"}}',
            ip_hash=sha256(f"{user} {day.date}".encode()).hexdigest()[: address_hash.LENGTH],
        )
    return {TABLE: rows}
