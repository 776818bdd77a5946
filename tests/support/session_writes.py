"""Sessions and page views, written as the track API writes them"""

import threading
from typing import Any

import pytest

from analytics.ingest import commit, writer
from analytics.sessions import ingest
from analytics.sessions.changes import CHANGES
from analytics.sessions.models import PageView, PageViewRow, Session, SessionRow
from config.api.outcomes import Dropped, Outcome
from config.db import uuid7
from tests.support.events import AT, AT_MS

VISITOR = "1a0b9e021eb73e144a8bf35be02497aa32b210abd7f9d18465b470f90bab16e3"
NOBODY = uuid7.new_id(AT_MS)
_handing_over = threading.Lock()  # each thread must gather its own


def session_row(**changes):
    """Return a session as it starts."""
    values: dict[str, Any] = dict.fromkeys(SessionRow._fields) | {
        "id": uuid7.new_id(AT_MS),
        "created_at": AT,
        "visitor_hash": VISITOR,
        "referrer_domain": "direct",
        "page_views": 0,
        "bounced": True,
        "duration_seconds": 0,
        "last_active_at": AT,
    }
    return SessionRow(**values | changes)


def view_row(session_id, after_ms=0, **changes):
    """Return a page view that is entered so many milliseconds after the session began."""
    values: dict[str, Any] = dict.fromkeys(PageViewRow._fields) | {
        "id": uuid7.new_id(AT_MS + after_ms),
        "created_at": uuid7.from_ms(AT_MS + after_ms),
        "session_id": session_id,
        "path": "/johndoe",
    }
    return PageViewRow(**values | changes)


def start_session(**changes):
    """Store a session; return its id."""
    row = session_row(**changes)
    ingest.start(row)
    return row.id


def view_page(session_id, after_ms=0, **changes):
    """Store a page view; return its id."""
    row = view_row(session_id, after_ms, **changes)
    ingest.view(row)
    return row.id


def raises_unknown_session():
    """Demand that what is named proves not to exist."""
    return pytest.raises(Dropped, match="UNKNOWN_SESSION")


def session_state(id):
    """Return what changes in a session: page views, bounced, seconds, last active, user."""
    names = ("page_views", "bounced", "duration_seconds", "last_active_at", "user_id")
    return Session.objects.values_list(*names).get(id=id)


def durations(session_id):
    """Return the durations of a session's page views, the earliest first."""
    views = PageView.objects.of_session(session_id).order_by("id")
    return list(views.values_list("duration_seconds", flat=True))


def changes_of(*calls):
    """Return what calls hand to the writer of changes."""
    changes = []

    def gather(target, items):
        assert target is CHANGES
        changes.extend(items)
        return [Outcome.STORED]

    with _handing_over, pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "write", gather)
        for call in calls:
            call()
    return changes


def store_in_one_group(*calls):
    """Store in one group what calls hand to the writer; return what became of each."""
    [outcomes] = commit.store_group(CHANGES, [changes_of(*calls)])
    return outcomes


def view_calls(*rows, has_key=False):
    """Return a call for each of these page views."""
    return [lambda row=row: ingest.view(row, has_key=has_key) for row in rows]
