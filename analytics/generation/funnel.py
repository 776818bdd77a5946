"""Funnel events: logged-in users on their way, fewer with each step."""

from uuid import UUID

from analytics.funnel.ingest import TABLE
from analytics.funnel.models import FunnelEventRow
from analytics.generation.days import Day, generator
from analytics.generation.world import session_name
from analytics.ingest.bulk_copy import Rows
from config.db import uuid7

STEPS = ("bio_link_click", "signup_started", "profile_saved", "checkout_started", "checkout_done")
GOES_ON = 0.6  # of those who have made a step
PAUSE_MS = 300_000


@generator(weight=5)
def funnel_events(day: Day) -> Rows:
    """Make the funnel events of a day."""
    random = day.random
    made: list[tuple[int, UUID, str, str, str]] = []
    while len(made) < day.rows:
        for ms in day.times((day.rows - len(made)) // 2 + 1):
            user, session_id = random.choice(day.world.users), session_name(random, ms)
            for position, step in enumerate(STEPS):
                data = f'{{"linkId":"link-{random.randrange(40)}","position":{position}}}'
                made.append((min(ms, day.last_ms), user, session_id, step, data))
                ms += int(random.random() * PAUSE_MS)
                if random.random() > GOES_ON:
                    break
    rows = {}
    for ms, user, session_id, step, data in sorted(made[: day.rows]):
        id = day.new_id(ms)
        rows[id] = FunnelEventRow(id, uuid7.from_ms(ms), user, session_id, step, data)
    return {TABLE: rows}
