"""The recorder: one row for every request, stored in the background once it is answered."""

import logging
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest
from prometheus_client import Counter

from activity.attribution import Attribution, attribution_of, path_facts, text_of
from activity.event_types import event_type_of
from activity.facts import RequestFacts
from activity.models import OWNER, PREFIX, ActivityEvent, ActivityRow
from analytics.ingest import background, retries
from analytics.ingest.background import Sink
from analytics.ingest.bulk_copy import Table
from analytics.ingest.targets import register
from config import runtime
from config.api import address_hash, request_body
from config.api.errors import Invalid
from config.api.outcomes import Outcome
from config.db import uuid7

logger = logging.getLogger(__name__)

TABLE = register(Table.of(ActivityEvent, owner="user_id", stored_owner=OWNER))
# Nobody waits for the recorder's rows, so that their commits need not wait for the disk, where
# those of other tables would queue up behind them. A crash of PostgreSQL may lose the last second.
BACKGROUND_TABLE = replace(TABLE, brings=lambda rows: "SET LOCAL synchronous_commit = off")
LOST = Counter("millrace_activity_lost", "Rows of the recorder that were not stored.")
MAX_METHOD_LENGTH = 16
MAX_PATH_LENGTH = 2048
MAX_METADATA_BYTES = 16_384
WARNING_SECONDS = 1.0
STEP_TYPE = re.compile(rf"(?!{PREFIX})[a-z0-9_.-]{{1,64}}")


class Step(NamedTuple):
    """A step of the host project, until its row is made."""

    event_type: str
    begun_ms: int
    facts: RequestFacts | None
    ids: Mapping[str, object]
    metadata: dict[str, Any]


_warning = threading.Lock()
_lost_since_warning = 0
_warns_again_at = 0.0


def is_recorded(path: str) -> bool:
    """Return whether requests to a path are recorded while the recorder is on."""
    prefixes, trees = _excluded(*settings.ACTIVITY_EXCLUDE_PATHS)
    return not (path.startswith(prefixes) or f"{path}/".startswith(trees))


@cache
def _excluded(*entries: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what excluded paths begin with: as they are, and with a slash at their end."""
    prefixes = [entry for entry in entries if entry.endswith("/")]
    return tuple(prefixes), tuple(f"{entry}/" for entry in entries if entry not in prefixes)


def store(row: ActivityRow) -> Outcome:
    """Store a row of a front end: STORED or DUPLICATE.

    Raises Conflict for the id of a row that the caller did not send, StorageUnavailable, or
    RowRefused when the database refuses it.
    """
    return retries.write_one(TABLE, row)


def record_request(facts: RequestFacts) -> None:
    """Record a request that was answered; whatever goes wrong is logged and counted."""
    background.put(SINK, facts)


def record_step(
    event_type: str,
    request: HttpRequest | None,
    ids: Mapping[str, object],
    metadata: dict[str, Any],
) -> None:
    """Record a step of the host project, as `activity.record` describes."""
    if not STEP_TYPE.fullmatch(event_type):
        raise ValueError(
            f"{event_type!r} is no event type: 1 to 64 of a-z, 0-9, _, - and ., not {PREFIX}*"
        )
    text, size_bytes = request_body.compact(metadata)
    if size_bytes > MAX_METADATA_BYTES:
        raise ValueError(f"The metadata has {size_bytes} bytes, more than {MAX_METADATA_BYTES}.")
    try:
        request_body.parse(text.encode())
    except Invalid as error:
        raise ValueError(f"The metadata: {error.problems[0].context['reason']}.") from error
    begun_ms = uuid7.now_ms()
    facts = RequestFacts.of(request, begun_ms=begun_ms) if request else None
    background.put(SINK, Step(event_type, begun_ms, facts, ids, metadata))


def make_row(item: "RequestFacts | Step") -> ActivityRow | None:
    """Return the row of a request or a step, None while the recorder is off."""
    if not runtime.current().activity_enabled:
        return None
    return row_of_step(item) if isinstance(item, Step) else row_of_request(item)


def row_of_request(facts: RequestFacts) -> ActivityRow:
    """Return the row of a request."""
    attribution, path = attribution_of(facts), path_facts(facts.path)
    metadata = _metadata_of(facts, attribution)
    if path.step:
        metadata["step_number"] = path.step
    return ActivityRow(
        id=uuid7.new_id(facts.begun_ms),
        created_at=uuid7.from_ms(facts.begun_ms),
        event_type=event_type_of(facts.method, path.text, facts.status_code),
        user_id=attribution.user_id,
        session_id=attribution.session_id,
        project_id=attribution.project_id,
        method=facts.method[:MAX_METHOD_LENGTH],
        path=path.text[:MAX_PATH_LENGTH],
        status_code=facts.status_code,
        duration_ms=facts.duration_ms,
        metadata=request_body.compact(metadata)[0],
    )


def row_of_step(step: Step) -> ActivityRow:
    """Return the row of a step; what it names itself counts more than its request."""
    facts = step.facts
    given = {name: text_of(id) for name, id in step.ids.items() if id is not None}
    attribution = (attribution_of(facts) if facts else Attribution())._replace(**given)
    metadata = step.metadata | _metadata_of(facts, attribution)
    return ActivityRow(
        id=uuid7.new_id(step.begun_ms),
        created_at=uuid7.from_ms(step.begun_ms),
        event_type=step.event_type,
        user_id=attribution.user_id,
        session_id=attribution.session_id,
        project_id=attribution.project_id,
        method=facts.method[:MAX_METHOD_LENGTH] if facts else "",
        path=path_facts(facts.path).text[:MAX_PATH_LENGTH] if facts else "",
        status_code=200,
        duration_ms=0,
        metadata=request_body.compact(metadata)[0],
    )


def _metadata_of(facts: RequestFacts | None, attribution: Attribution) -> dict[str, Any]:
    """Return the recorder's own keys."""
    metadata = {"actor_type": attribution.actor_type}
    if facts:
        metadata["request_id"] = facts.request_id
        metadata["remote_addr"] = address_hash.hash_address(facts.address)
    return metadata


def on_drop(item: "RequestFacts | Step") -> None:
    """Count a row that is lost."""
    facts = item.facts if isinstance(item, Step) else item
    count_lost(facts.request_id if facts else "-")


SINK = Sink(BACKGROUND_TABLE, make_row, on_drop)


def count_lost(request_id: str) -> None:
    """Count a row that is lost, and warn, at most once a second for all of them."""
    global _lost_since_warning, _warns_again_at
    LOST.inc()
    with _warning:
        _lost_since_warning += 1
        now = time.monotonic()
        if now < _warns_again_at:
            return
        lost, _lost_since_warning, _warns_again_at = _lost_since_warning, 0, now + WARNING_SECONDS
    logger.warning(
        "activity_record_failed request_id=%s; %d rows lost since the last warning",
        request_id,
        lost,
    )


def reset() -> None:
    """Forget the last warning, as in a new process."""
    global _lost_since_warning, _warns_again_at
    with _warning:
        _lost_since_warning, _warns_again_at = 0, 0.0
