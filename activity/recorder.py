"""The recorder: one row for every request, stored in the background once it is answered."""

import logging
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest
from prometheus_client import Counter

from activity.attribution import Attribution, attribution_of, step_in, stored_text, text_of
from activity.event_types import event_type_of
from activity.models import ActivityEvent, ActivityRow
from analytics.ingest import writer
from analytics.ingest.bulk_copy import Table
from config import runtime
from config.api import address_hash, request_body
from config.api.client_address import client_address
from config.api.errors import Invalid
from config.db import deadline, uuid7

logger = logging.getLogger(__name__)

TABLE = Table.of(ActivityEvent)
LOST = Counter("millrace_activity_lost", "Rows of the recorder that were not stored.")
MAX_PATH_LENGTH = 2048
MAX_METHOD_LENGTH = 16
MAX_METADATA_BYTES = 16_384
LOOKUP_SECONDS = 0.5  # that the thread of a request may wait for databases after the answer
WARNING_SECONDS = 1.0
STEP_TYPE = re.compile(r"[a-z0-9_.-]{1,64}")
_warning = threading.Lock()
_lost_since_warning = 0
_warns_again_at = 0.0


@dataclass(frozen=True, slots=True)
class RequestTiming:
    """When a request came, how long it took, and the status of its response."""

    begun_ms: int
    duration_ms: int
    status_code: int


def is_recorded(path: str) -> bool:
    """Return whether requests to a path are recorded while the recorder is on."""
    return not any(
        path.startswith(entry) if entry.endswith("/") else f"{path}/".startswith(f"{entry}/")
        for entry in settings.ACTIVITY_EXCLUDE_PATHS
    )


def store(row: ActivityRow) -> None:
    """Store a row; raises StorageUnavailable, or RowRefused when the database refuses it."""
    writer.write_one(TABLE, row)


def record_request(request: HttpRequest, timing: RequestTiming) -> None:
    """Record a request that was answered; whatever goes wrong is logged and counted."""
    try:
        with deadline.within(LOOKUP_SECONDS):
            if runtime.current().activity_enabled:
                _enqueue(_row_of_request(request, timing), _request_id_of(request))
    except (DatabaseError, InterfaceError):
        count_lost(_request_id_of(request))
    except Exception:  # the response is sent already: a log line is all that is left to do
        logger.exception("The recorder failed")
        count_lost(_request_id_of(request))


def record_step(
    event_type: str,
    request: HttpRequest | None,
    ids: Mapping[str, object],
    metadata: dict[str, Any],
) -> None:
    """Record a step of the host project, as `activity.record` describes."""
    if not STEP_TYPE.fullmatch(event_type):
        raise ValueError(f"{event_type!r} is no event type: 1 to 64 of a-z, 0-9, _, - and .")
    text, size_bytes = request_body.compact(metadata)
    if size_bytes > MAX_METADATA_BYTES:
        raise ValueError(f"The metadata has {size_bytes} bytes, more than {MAX_METADATA_BYTES}.")
    try:
        request_body.parse(text.encode())
    except Invalid as error:
        raise ValueError(f"The metadata: {error.problems[0].context['reason']}.") from error
    try:
        with deadline.within(LOOKUP_SECONDS):
            if runtime.current().activity_enabled:
                row = _row_of_step(event_type, request, ids, metadata)
                _enqueue(row, _request_id_of(request))
    except (DatabaseError, InterfaceError):
        count_lost(_request_id_of(request))


def _row_of_request(request: HttpRequest, timing: RequestTiming) -> ActivityRow:
    attribution, path = attribution_of(request), stored_text(request.path_info)
    metadata, step = _metadata_of(request, attribution), step_in(path)
    if step:
        metadata["step_number"] = step
    method = str(request.method)
    return ActivityRow(
        id=uuid7.new_id(timing.begun_ms),
        created_at=uuid7.from_ms(timing.begun_ms),
        event_type=event_type_of(method, path, timing.status_code),
        user_id=attribution.user_id,
        session_id=attribution.session_id,
        project_id=attribution.project_id,
        method=method[:MAX_METHOD_LENGTH],
        path=path[:MAX_PATH_LENGTH],
        status_code=timing.status_code,
        duration_ms=timing.duration_ms,
        metadata=request_body.compact(metadata)[0],
    )


def _row_of_step(
    event_type: str,
    request: HttpRequest | None,
    ids: Mapping[str, object],
    metadata: dict[str, Any],
) -> ActivityRow:
    attribution = attribution_of(request) if request else Attribution()
    given = {name: text_of(id) for name, id in ids.items() if id is not None}
    attribution = replace(attribution, **given)
    own = _metadata_of(request, attribution)
    id = uuid7.new_id_now()
    return ActivityRow(
        id=id,
        created_at=uuid7.time_of(id),
        event_type=event_type,
        user_id=attribution.user_id,
        session_id=attribution.session_id,
        project_id=attribution.project_id,
        method=str(request.method)[:MAX_METHOD_LENGTH] if request else "",
        path=stored_text(request.path_info)[:MAX_PATH_LENGTH] if request else "",
        status_code=200,
        duration_ms=0,
        metadata=request_body.compact(metadata | own)[0],
    )


def _metadata_of(request: HttpRequest | None, attribution: Attribution) -> dict[str, Any]:
    """Return the recorder's own keys."""
    metadata = {"actor_type": attribution.actor_type}
    if request:
        metadata["request_id"] = _request_id_of(request)
        metadata["remote_addr"] = address_hash.hash_address(client_address(request))
    return metadata


def _request_id_of(request: HttpRequest | None) -> str:
    return getattr(request, "request_id", "-")


def _enqueue(row: ActivityRow, request_id: str) -> None:
    writer.enqueue(TABLE, row, partial(count_lost, request_id))


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
