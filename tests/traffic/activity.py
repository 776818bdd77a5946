"""Traffic of activity: the requests that the recorder would have recorded."""

import re
from uuid import UUID

from activity.attribution import Attribution
from activity.event_types import event_type_of
from activity.models import ActivityRow
from activity.recorder import TABLE
from analytics.synthetic.hours import Rows
from config.api import address_hash
from config.db import uuid7
from tests.traffic.day import StreamDay

# Method, path, status of a success, share in percent, shortest duration in milliseconds.
ROUTES = (
    ("POST", "/api/v1/events", 201, 48, 4),
    ("POST", "/api/v1/events/batch", 201, 8, 9),
    ("GET", "/api/v1/events", 200, 6, 6),
    ("POST", "/api/v1/analytics/pageview", 200, 14, 4),
    ("POST", "/api/v1/analytics/session", 200, 6, 4),
    ("PATCH", "/api/v1/analytics/session/{session}/heartbeat", 200, 8, 3),
    ("PATCH", "/api/v1/analytics/session/{session}/identify", 200, 1, 5),
    ("GET", "/api/v1/websites", 200, 4, 3),
    ("PUT", "/api/v1/websites/{website}", 200, 1, 7),
    ("GET", "/api/v1/auth/me", 200, 2, 3),
    ("POST", "/api/v1/auth/login", 200, 1, 80),
    ("POST", "/api/v1/auth/refresh", 200, 1, 6),
)
WEIGHTS = [weight for _, _, _, weight, _ in ROUTES]
FAILURES = (400, 400, 401, 404, 404, 404, 405, 429, 429, 503)
FAILURE_SHARE = 0.03
needs_token = re.compile("/websites|/auth/me|/identify").search
MEAN_EXTRA_MS = 12  # beyond the shortest duration


def activity(day: StreamDay) -> Rows:
    """Return the recorded requests of a day."""
    times = sorted(day.random_times(day.rows))
    routes = day.random.choices(ROUTES, WEIGHTS, k=day.rows)
    rows = {}
    for ms, (method, path, status, _, min_ms) in zip(times, routes, strict=True):
        if day.random.random() < FAILURE_SHARE:
            status = day.random.choice(FAILURES)
        id = day.new_id(ms)
        rows[id] = _row(day, id, method=method, path=path, status=status, min_ms=min_ms)
    return {TABLE: rows}


def _row(
    day: StreamDay, id: UUID, *, method: str, path: str, status: int, min_ms: int
) -> ActivityRow:
    random, dataset = day.random, day.dataset
    session, website = day.new_id(uuid7.ms_of(id)), random.choice(dataset.sites).id
    is_started = path.endswith("/session") and status < 400
    attribution = Attribution(
        user_id=str(random.choice(dataset.users)) if needs_token(path) and status != 401 else None,
        session_id=str(session) if is_started or "{session}" in path else None,
        project_id=str(website) if "{website}" in path else None,
    )
    concrete = path.format(session=session, website=website)
    address = f"{random.getrandbits(4 * address_hash.LENGTH):0{address_hash.LENGTH}x}"
    request_id = UUID(int=random.getrandbits(128), version=4)
    return ActivityRow(
        id=id,
        created_at=uuid7.time_of(id),
        event_type=event_type_of(method, concrete, status),
        user_id=attribution.user_id,
        session_id=attribution.session_id,
        project_id=attribution.project_id,
        method=method,
        path=concrete,
        status_code=status,
        duration_ms=min_ms + int(random.expovariate(1 / MEAN_EXTRA_MS)),
        metadata=f'{{"request_id":"{request_id}","remote_addr":"{address}",'
        f'"actor_type":"{attribution.actor_type}"}}',
    )
