"""The dashboard: requests, and events within its windows"""

from datetime import UTC, datetime

from analytics.events.models import Event
from config.db import uuid7
from tests.support.events import new_row

PATHS = {
    name: f"/api/v1/dashboard/{name}"
    for name in ("metrics", "pageviews", "top-pages", "referrers", "devices")
}
NOW = datetime(2026, 1, 28, 20, 0, 0, 123_000, tzinfo=UTC)
NOW_MS = uuid7.to_ms(NOW)
DAY_MS = 86_400_000
START_MS = NOW_MS - 7 * DAY_MS  # of the last seven days
PREVIOUS_START_MS = NOW_MS - 14 * DAY_MS
NOTHING = {
    "pageViews": 0,
    "pageViewsChange": 0,
    "uniqueVisitors": 0,
    "uniqueVisitorsChange": 0,
    "sessions": 0,
    "sessionsChange": 0,
    "avgSessionDuration": 0,
    "avgSessionDurationChange": 0,
    "bounceRate": 0,
    "bounceRateChange": 0,
}


def event_at(ms, **fields):
    """Return an event of a time, to be stored."""
    return Event(**new_row(uuid7.new_id(ms), created_at=uuid7.from_ms(ms), **fields)._asdict())


def metrics_body(website, *, days=7, **numbers):
    """Return the body of metrics that are 0 but for some."""
    data = NOTHING | numbers
    period = f"Last {days} days"
    return {"success": True, "data": data, "website": str(website.id), "period": period}


def rows_body(*rows, total=None):
    """Return the body of a list."""
    return {"success": True, "data": list(rows), "total": len(rows) if total is None else total}


def devices_body(**numbers):
    """Return the body of devices."""
    data = {"mobile": 0, "desktop": 0, "tablet": 0, "other": 0} | numbers
    return {"success": True, "data": data}
