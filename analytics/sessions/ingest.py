"""Sessions and their page views on their way in. What these functions have told is committed.

Each raises StorageUnavailable when the commit is not confirmed in time, and RowRefused when the
database refuses what it was given. All that gathers in one group (analytics/ingest/writer.py)
shares its statements: a group of any size needs one COPY for new sessions, one UPDATE of sessions,
one UPDATE for the page views that were left, one INSERT and one UPDATE for the new page views.

Locks come in one order in every process, so that none waits for another in a circle: sessions by
their ids, then page views that were left by theirs. Filling in a duration never waits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connections

from analytics.ingest import writer
from analytics.ingest.bulk_copy import Table
from analytics.ingest.updates import Updates
from analytics.sessions.models import (
    PageView,
    PageViewRow,
    Session,
    SessionRow,
)
from config.api.outcomes import Outcome
from config.db import uuid7
from config.db.routers import ANALYTICS

SESSIONS = Table.of(Session)
PAGE_VIEWS = Table.of(PageView)

HEARTBEAT_SECONDS = 30
LONGEST_VIEW = timedelta(seconds=3600)  # a longer one tells of a forgotten tab


def start(row: SessionRow) -> None:
    """Store a session; one statement."""
    _write(SESSIONS, row)


def view(row: PageViewRow) -> bool:
    """Store a page view, count it and fill in the duration of the one before; three statements.

    False, after one statement, when its session does not exist; then nothing is stored.
    """
    return _write(UPDATES, _Touch(row.session_id, row.created_at, page_view=row))


def leave(page_view_id: UUID, *, duration: float, scroll_depth: float | None) -> bool:
    """Set for how many seconds a page was looked at, and if given its depth; one statement.

    False when there is no such page view.
    """
    return _write(UPDATES, _Leave(page_view_id, float(duration), scroll_depth))


def heartbeat(session_id: UUID) -> bool:
    """Add 30 seconds to a session that is active now; one statement. False when there is none."""
    now = uuid7.now()
    return _write(UPDATES, _Touch(session_id, now, seconds=HEARTBEAT_SECONDS))


def identify(session_id: UUID, user_id: UUID) -> bool:
    """Set the user of a session; one statement. False when there is no such session."""
    return _write(UPDATES, _Touch(session_id, user_id=user_id))


@dataclass(frozen=True, slots=True)
class _Touch:
    """What one request changes in a session."""

    session_id: UUID
    active_at: datetime | None = None
    seconds: int = 0
    user_id: UUID | None = None
    page_view: PageViewRow | None = None

    @property
    def adds_row(self) -> bool:
        return self.page_view is not None


@dataclass(frozen=True, slots=True)
class _Leave:
    """The end of one page view."""

    page_view_id: UUID
    duration: float
    scroll_depth: float | None

    @property
    def adds_row(self) -> bool:
        return False


def _write(target: Table | Updates, item: Any) -> bool:
    return writer.write_one(target, item) is Outcome.STORED


def _apply(changes: Sequence[_Touch | _Leave]) -> list[Outcome]:
    """Make the changes of a group, each of which counts."""
    touches = [change for change in changes if isinstance(change, _Touch)]
    leaves = [change for change in changes if isinstance(change, _Leave)]
    found: set[UUID] = set()  # the sessions and the page views that exist
    if touches:
        found |= _update_sessions(touches)
    if leaves:
        found |= _update_left(leaves)
    views = [each.page_view for each in touches if each.page_view and each.session_id in found]
    if views:
        _insert(views)
        _fill_in(views)
    return [_outcome(change, found) for change in changes]


def _outcome(change: _Touch | _Leave, found: set[UUID]) -> Outcome:
    target = change.page_view_id if isinstance(change, _Leave) else change.session_id
    return Outcome.STORED if target in found else Outcome.UNKNOWN_SESSION


UPDATES = Updates(ANALYTICS, _apply)

# The count comes before the first row: all are locked, in order, before one is changed. A row may
# have changed since the statement began: it is then read again. Joined with the others, `locked`
# would invite nested loops over the whole group.
_UPDATE_SESSIONS = """
WITH locked AS (
    SELECT id FROM analytics_session WHERE id = ANY (%(ids)s) ORDER BY id FOR NO KEY UPDATE
)
UPDATE analytics_session AS session SET
    page_views = session.page_views + given.page_views,
    bounced = session.page_views + given.page_views < 2,
    duration_seconds = session.duration_seconds + given.seconds,
    last_active_at = greatest(session.last_active_at, given.active_at),
    user_id = coalesce(given.user_id, session.user_id)
FROM unnest(
    %(ids)s, %(page_views)s::int[], %(seconds)s::int[], %(active_at)s::timestamptz[],
    %(user_ids)s::uuid[]
) AS given (id, page_views, seconds, active_at, user_id)
WHERE (SELECT count(*) FROM locked) > 0
    AND session.id = given.id AND session.id = ANY (%(ids)s)
RETURNING session.id
"""


def _update_sessions(touches: Sequence[_Touch]) -> set[UUID]:
    """Change sessions, and keep them locked; return the ids of those that exist."""
    by_id: dict[UUID, list[_Touch]] = {}
    for touch in touches:
        by_id.setdefault(touch.session_id, []).append(touch)
    each = by_id.values()
    arrays = {
        "ids": list(by_id),
        "page_views": [sum(one.page_view is not None for one in some) for some in each],
        "seconds": [sum(one.seconds for one in some) for some in each],
        "active_at": [
            max((one.active_at for one in some if one.active_at), default=None) for some in each
        ],
        "user_ids": [  # the last one who was named
            next((one.user_id for one in reversed(some) if one.user_id), None) for some in each
        ],
    }
    return _ids(_UPDATE_SESSIONS, arrays)


_UPDATE_LEFT = """
WITH locked AS (
    SELECT id FROM analytics_pageview WHERE id = ANY (%(ids)s) ORDER BY id FOR NO KEY UPDATE
)
UPDATE analytics_pageview AS page_view SET
    duration_seconds = given.duration,
    scroll_depth = coalesce(given.scroll_depth, page_view.scroll_depth)
FROM unnest(
    %(ids)s, %(durations)s::float8[], %(scroll_depths)s::float8[]
) AS given (id, duration, scroll_depth)
WHERE (SELECT count(*) FROM locked) > 0
    AND page_view.id = given.id AND page_view.id = ANY (%(ids)s)
RETURNING page_view.id
"""


def _update_left(leaves: Sequence[_Leave]) -> set[UUID]:
    """Set what is known of page views that were left; return the ids of those that exist."""
    durations = {each.page_view_id: each.duration for each in leaves}
    depths = {
        each.page_view_id: each.scroll_depth for each in leaves if each.scroll_depth is not None
    }
    arrays = {
        "ids": list(durations),
        "durations": list(durations.values()),
        "scroll_depths": [depths.get(id) for id in durations],
    }
    return _ids(_UPDATE_LEFT, arrays)


def _insert(views: Sequence[PageViewRow]) -> None:
    columns = [list(column) for column in zip(*views, strict=True)]
    with connections[ANALYTICS].cursor() as cursor:
        cursor.execute(PAGE_VIEWS.insert_sql, columns)
        if cursor.rowcount != len(views):
            raise IntegrityError("a page view with this id exists")  # and would be counted again


# The bounds on ids are those on times: from the longest view before one until that one itself.
# Those of the whole group let PostgreSQL skip months before it runs. A page view that somebody
# has locked is just being left, and gets its duration there.
_FILL_IN = """
WITH previous AS (
    SELECT page_view.id, extract(epoch FROM arrived.at - page_view.created_at) AS seconds
    FROM unnest(
        %(ids)s, %(session_ids)s, %(times)s::timestamptz[], %(earliest)s
    ) AS arrived (id, session_id, at, earliest)
    CROSS JOIN LATERAL (
        SELECT id, created_at FROM analytics_pageview
        WHERE session_id = arrived.session_id AND id >= arrived.earliest AND id < arrived.id
            AND id >= %(low)s AND id < %(high)s
        ORDER BY id DESC LIMIT 1
    ) AS page_view
), unfilled AS (
    SELECT id FROM analytics_pageview
    WHERE id = ANY (ARRAY (SELECT id FROM previous)) AND id >= %(low)s AND id < %(high)s
        AND duration_seconds IS NULL
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE analytics_pageview AS page_view SET duration_seconds = previous.seconds
FROM previous
WHERE page_view.id = previous.id AND page_view.id = ANY (ARRAY (SELECT id FROM unfilled))
    AND page_view.id >= %(low)s AND page_view.id < %(high)s
"""


def _fill_in(views: Sequence[PageViewRow]) -> None:
    """Set the duration of the latest page view before each of these, unless it is known.

    This is a statement of its own, after the sessions were locked: only so does it see what
    another process has just stored in them.
    """
    earliest = [uuid7.floor(view.created_at - LONGEST_VIEW) for view in views]
    values: dict[str, Any] = {
        "ids": [view.id for view in views],
        "session_ids": [view.session_id for view in views],
        "times": [view.created_at for view in views],
        "earliest": earliest,
        "low": min(earliest),
        "high": max(view.id for view in views),
    }
    with connections[ANALYTICS].cursor() as cursor:
        cursor.execute(_FILL_IN, values)


def _ids(statement: str, values: dict[str, Any]) -> set[UUID]:
    with connections[ANALYTICS].cursor() as cursor:
        cursor.execute(statement, values)
        return {id for (id,) in cursor.fetchall()}
