"""Changes of sessions and page views, made for a whole group of requests at once.

Whatever the size of the group (analytics/ingest/commit.py), it takes one UPDATE of sessions, one
UPDATE of the page views that were left, and for new page views one INSERT and one UPDATE more.
Where page views have keys of clients, two SELECTs come first, which find those that come again.

Locks come in one order in every process, so that no two wait for each other: sessions by their
ids, new page views by theirs, then those that were left. Filling in a duration never waits for a
lock.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

from django.db import IntegrityError, connections
from msgspec import Struct, structs

from analytics.ingest.bulk_copy import Table, columns_of
from analytics.ingest.targets import register
from analytics.ingest.updates import Updates
from analytics.sessions import page_durations
from analytics.sessions.models import PageView, PageViewRow
from config.api.outcomes import Outcome
from config.db import cluster, uuid7
from config.db.routers import ANALYTICS

PAGE_VIEWS = Table.of(PageView)
HEARTBEAT_SECONDS = 30  # between two of them; what one adds at most
LOCK = "FOR NO KEY UPDATE"


class Touch(Struct, frozen=True, tag=True):
    """What one request changes in a session; a page view with a client's key may come again."""

    session_id: UUID
    active_at: datetime | None = None
    heartbeat_at: datetime | None = None
    user_id: UUID | None = None
    page_view: PageViewRow | None = None
    has_key: bool = False

    @property
    def adds_row(self) -> bool:
        return self.page_view is not None

    @property
    def subject_id(self) -> UUID:
        return self.session_id

    @property
    def new_id(self) -> UUID | None:
        return self.page_view.id if self.page_view else None

    def repeatable(self) -> "Touch":
        """Return it with a page view that may come again; the rest changes nothing twice."""
        return structs.replace(self, has_key=True)


class Leave(Struct, frozen=True, tag=True):
    """The end of one page view."""

    page_view_id: UUID
    duration: float
    scroll_depth: float | None

    @property
    def adds_row(self) -> bool:
        return False

    @property
    def subject_id(self) -> UUID:
        return self.page_view_id

    @property
    def new_id(self) -> UUID | None:
        return None

    def repeatable(self) -> "Leave":
        return self


def _apply(changes: Sequence[Touch | Leave]) -> list[Outcome]:
    """Make the changes of a group, each of which counts, but for page views that come again."""
    repeated = _repeated(changes)
    made = iter(_make([change for n, change in enumerate(changes) if n not in repeated]))
    return [Outcome.DUPLICATE if n in repeated else next(made) for n in range(len(changes))]


def _make(changes: Sequence[Touch | Leave]) -> list[Outcome]:
    touches = [change for change in changes if isinstance(change, Touch)]
    leaves = [change for change in changes if isinstance(change, Leave)]
    # Sessions and page views that exist; one of each may have the same id, a client's key.
    sessions = _update_sessions(touches) if touches else set()
    views = [each.page_view for each in touches if each.page_view and each.session_id in sessions]
    if views:
        _insert(views)
    left = _update_left(leaves) if leaves else set()  # which may have come in this group
    if views:
        page_durations.fill_in(views)
    are_found = [
        change.page_view_id in left if isinstance(change, Leave) else change.session_id in sessions
        for change in changes
    ]
    return [Outcome.STORED if is_found else Outcome.UNKNOWN_SESSION for is_found in are_found]


_SESSIONS_OF = "SELECT id FROM analytics_session WHERE id = ANY (%(ids)s)"
_PAGE_VIEWS_OF = "SELECT id FROM analytics_pageview WHERE id = ANY (%(ids)s)"


def _repeated(changes: Sequence[Touch | Leave]) -> set[int]:
    """Return the positions of page views of known sessions whose ids are stored, or come before.

    Where another process stores one of the others meanwhile, `_insert` fails, and the group is
    tried again.
    """
    keyed = {
        n: (change.session_id, change.page_view.id)
        for n, change in enumerate(changes)
        if isinstance(change, Touch) and change.page_view and change.has_key
    }
    if not keyed:
        return set()
    sessions = _ids(_SESSIONS_OF, {"ids": [session_id for session_id, _ in keyed.values()]})
    stored = _ids(_PAGE_VIEWS_OF, {"ids": [id for _, id in keyed.values()]})
    repeated = set()
    for n, (session_id, id) in keyed.items():
        if session_id in sessions:
            if id in stored:
                repeated.add(n)
            stored.add(id)
    return repeated


CHANGES = register(
    Updates(ANALYTICS, "session_changes", _apply, item_type=Touch | Leave, row_type=PageViewRow)
)

# UPDATE alone would lock rows in the order in which its plan meets them. So `locked` locks all of
# them by id (but on a cluster, where a deadlock is repeated), and is counted before the first one
# is changed. A row may have changed since the statement began: PostgreSQL then adds to its latest
# version.
# Each condition on ids is written for the changed table, too: so months without them are pruned,
# and the rest is found by the primary key, whatever the estimate for unnest.
# Heartbeats count whole seconds: rounded down alike, the times of all of them lose none. Their
# seconds come from an interval, since Citus lets nothing that knows a time zone change a row. When
# another process stored a later one than the first of these, no more than the rest is added.
_SECONDS = """floor(extract(epoch FROM
        greatest(session.last_heartbeat_at, session.created_at) - timestamptz 'epoch'
    ))"""
_UPDATE_SESSIONS = f"""
WITH locked AS (
    SELECT id FROM analytics_session WHERE id = ANY (%(ids)s) ORDER BY id {{lock}}
)
UPDATE analytics_session AS session SET
    page_views = session.page_views + given.page_views,
    bounced = session.page_views + given.page_views < 2,
    duration_seconds = session.duration_seconds + least(
        given.seconds_between
            + least(greatest(given.first_beat - {_SECONDS}, 0), {HEARTBEAT_SECONDS}),
        greatest(given.last_beat - {_SECONDS}, 0)
    ),
    last_heartbeat_at = greatest(session.last_heartbeat_at, given.heartbeat_at),
    last_active_at = greatest(session.last_active_at, given.active_at),
    user_id = coalesce(given.user_id, session.user_id)
FROM unnest(
    %(ids)s, %(page_views)s::int[], %(active_at)s::timestamptz[], %(user_ids)s::uuid[],
    %(heartbeat_at)s::timestamptz[], %(first_beats)s::bigint[], %(last_beats)s::bigint[],
    %(seconds_between)s::bigint[]
) AS given (
    id, page_views, active_at, user_id, heartbeat_at, first_beat, last_beat, seconds_between
)
-- Joined with the others, `locked` would invite nested loops over the whole group.
WHERE (SELECT count(*) FROM locked) > 0
    AND session.id = given.id AND session.id = ANY (%(ids)s)
RETURNING session.id
"""


def _update_sessions(touches: Sequence[Touch]) -> set[UUID]:
    """Change sessions, and keep them locked; return the ids of those that exist."""
    by_id: dict[UUID, list[Touch]] = {}
    for touch in touches:
        by_id.setdefault(touch.session_id, []).append(touch)
    each = by_id.values()
    heartbeats = [_heartbeats(some) for some in each]
    arrays = {
        "ids": list(by_id),
        "page_views": [sum(one.page_view is not None for one in some) for some in each],
        "active_at": [
            max((one.active_at for one in some if one.active_at), default=None) for some in each
        ],
        "user_ids": [  # the last one who was named
            next((one.user_id for one in reversed(some) if one.user_id), None) for some in each
        ],
        "heartbeat_at": [beats.last_at for beats in heartbeats],
        "first_beats": [beats.first for beats in heartbeats],
        "last_beats": [beats.last for beats in heartbeats],
        "seconds_between": [beats.seconds_between for beats in heartbeats],
    }
    return _ids(_UPDATE_SESSIONS, arrays, lock=LOCK)


class _Heartbeats(NamedTuple):
    """Those of one session: the last one, the seconds of first and last, and what lies between."""

    last_at: datetime | None = None
    first: int | None = None
    last: int | None = None
    seconds_between: int = 0


def _heartbeats(touches: Sequence[Touch]) -> _Heartbeats:
    times = [each.heartbeat_at for each in touches if each.heartbeat_at]
    if not times:
        return _Heartbeats()
    seconds = sorted(uuid7.to_ms(at) // 1000 for at in times)
    between = sum(min(after - before, HEARTBEAT_SECONDS) for before, after in pairwise(seconds))
    return _Heartbeats(max(times), seconds[0], seconds[-1], between)


# Locked in order as sessions are.
_UPDATE_LEFT = """
WITH locked AS (
    SELECT id FROM analytics_pageview WHERE id = ANY (%(ids)s) ORDER BY id {lock}
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


def _update_left(leaves: Sequence[Leave]) -> set[UUID]:
    """Set what is known of page views that were left; return the ids of those that exist.

    An array has one type, and psycopg refuses one of 80 and 55.5.
    """
    durations = {each.page_view_id: float(each.duration) for each in leaves}
    depths = {
        each.page_view_id: float(each.scroll_depth)
        for each in leaves
        if each.scroll_depth is not None
    }
    arrays = {
        "ids": list(durations),
        "durations": list(durations.values()),
        "scroll_depths": [depths.get(id) for id in durations],
    }
    return _ids(_UPDATE_LEFT, arrays, lock=LOCK)


def _insert(views: Sequence[PageViewRow]) -> None:
    in_order = sorted(views, key=lambda view: view.id)  # else two with the same keys may deadlock
    with connections[ANALYTICS].cursor() as cursor:
        cursor.execute(PAGE_VIEWS.insert_sql, columns_of(in_order))
        if cursor.rowcount != len(views):
            raise IntegrityError("a page view with this id exists")  # and would be counted again


def _ids(statement: str, values: dict[str, Any], *, lock: str = "") -> set[UUID]:
    with connections[ANALYTICS].cursor() as cursor:
        cursor.execute(statement.format(lock=cluster.row_lock(ANALYTICS, lock)), values)
        return {id for (id,) in cursor.fetchall()}
