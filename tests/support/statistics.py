"""Statistics of websites: requests and responses"""

from datetime import UTC, datetime

from tests.support.responses import assert_invalid

NOW = datetime(2026, 3, 29, 12, 3, tzinfo=UTC)  # a Sunday; clocks of Berlin changed at 1:00 UTC
DATABASES = ["default", "analytics"]


def assert_refused(response, **fields):
    """Demand a validation error of these parameters, each with its messages."""
    assert_invalid(response, fields=fields, message="Invalid query parameters")


def meta_body(start, end, **changes):
    """Return what an answer says of itself."""
    usual = {
        "from": start,
        "to": end,
        "timezone": "UTC",
        "interval": None,
        "filters": [],
        "total": 0,
        "limit": 10,
        "offset": 0,
        "asOf": "2026-03-29T12:03:00.000Z",
        "exact": True,
        "truncated": False,
    }
    return usual | changes
