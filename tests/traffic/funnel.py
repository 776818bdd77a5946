"""Traffic of track: users in a funnel, fewer with each step."""

from uuid import UUID

from analytics.funnel.ingest import TABLE
from analytics.funnel.models import FunnelEventRow
from analytics.funnel.user_funnel import USUAL_STEPS
from analytics.synthetic.hours import Rows
from config.db import uuid7
from tests.traffic.dataset import random_session_id
from tests.traffic.day import StreamDay

CONTINUES = 0.6  # the share of users who go on to the next step
MAX_PAUSE_MS = 300_000


def funnel_events(day: StreamDay) -> Rows:
    """Return the funnel events of a day."""
    random = day.random
    steps: list[tuple[int, UUID, str, str, str]] = []
    while len(steps) < day.rows:
        for ms in day.random_times((day.rows - len(steps)) // 2 + 1):
            user, session_id = random.choice(day.dataset.users), random_session_id(random, ms)
            for position, step in enumerate(USUAL_STEPS):
                data = f'{{"linkId":"link-{random.randrange(40)}","position":{position}}}'
                steps.append((min(ms, day.last_ms), user, session_id, step, data))
                ms += int(random.random() * MAX_PAUSE_MS)
                if random.random() > CONTINUES:
                    break
    rows = {}
    for ms, user, session_id, step, data in sorted(steps[: day.rows]):
        id = day.new_id(ms)
        rows[id] = FunnelEventRow(id, uuid7.from_ms(ms), user, session_id, step, data)
    return {TABLE: rows}
