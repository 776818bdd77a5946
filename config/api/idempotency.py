"""Idempotency keys: ids that clients choose, so that a retry is never a second event."""

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest

from config.api.errors import Invalid
from config.api.fields import OPTIONAL, StrictField
from config.api.problems import Problem
from config.api.serializers import StrictSerializer
from config.api.timestamps import is_event_time
from config.db import uuid7

HEADER = "Idempotency-Key"
FIELD = "idempotency_key"
IN_USE = "Idempotency key already in use"
NOT_A_KEY = f"{HEADER} must be a version 7 UUID"
OTHER_TIME = "Timestamp does not match idempotency key"


class IdempotencyKey(StrictField):
    """The key of one event of a batch: a UUIDv7 whose time an event may have."""

    json_types, type_code = (str,), "uuid_parsing"
    schema: ClassVar = {
        "type": "string",
        "format": "uuid",
        "pattern": uuid7.PATTERN,
        "description": (
            "A UUIDv7 that the client chose: the id of the event, and its time. However often it "
            "comes, one event is stored."
        ),
    }

    def to_internal_value(self, data: str) -> UUID:
        key = _parse(data)
        if key is None:
            self.fail(self.type_code, data)
        return key


class KeyedSerializer(StrictSerializer):
    """What an event of a batch has beside the fields of a single one."""

    idempotency_key = IdempotencyKey(**OPTIONAL)

    def problems_between(self, data: dict[str, Any], values: dict[str, Any]) -> list[Problem]:
        return time_problems(values[FIELD], data, values)


def key_of(request: HttpRequest) -> UUID | None:
    """Return the key in the header of a single post, None without one; raises Invalid."""
    text = request.headers.get(HEADER)
    if text is None:
        return None
    key = _parse(text)
    if key is None:
        context = {"header": HEADER}
        raise Invalid(Problem("header_uuid", input=text, context=context, message=NOT_A_KEY))
    return key


def with_key(request: HttpRequest, data: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a single post with the key of its header; raises Invalid."""
    key = key_of(request)
    if problems := time_problems(key, data, values):
        raise Invalid(*problems)
    return values | {FIELD: key}


def time_problems(key: UUID | None, data: dict[str, Any], values: dict[str, Any]) -> list[Problem]:
    """Return the problem of a timestamp that is not the millisecond in the key beside it."""
    ms = values["timestamp"]
    if key is None or ms is None or ms == uuid7.ms_of(key):
        return []
    return [Problem("timestamp_mismatch", ("timestamp",), data["timestamp"], message=OTHER_TIME)]


def ids_of(items: Sequence[dict[str, Any]], now_ms: int) -> list[UUID]:
    """Return the id of each event: its key, or else a new one of its time, in ascending order."""
    times = [now_ms if item["timestamp"] is None else item["timestamp"] for item in items]
    pairs = zip(items, uuid7.new_ids(times), strict=True)
    return [item[FIELD] or new_id for item, new_id in pairs]


def _parse(text: str) -> UUID | None:
    """Return the key in a text; None unless it is a UUIDv7 whose time an event may have."""
    id = uuid7.parse(text)
    is_key = id is not None and id.version == 7 and is_event_time(uuid7.ms_of(id))
    return id if is_key else None
