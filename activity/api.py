"""The activity API: what users do in front ends."""

import re
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from activity import recorder
from activity.models import PREFIX, ActivityRow
from activity.responses import Accepted
from config import runtime
from config.api import address_hash, idempotency, registry, request_body
from config.api.client_address import client_address
from config.api.errors import Conflict, Invalid, SwitchedOff
from config.api.fields import OPTIONAL, StrictField, Text
from config.api.json_object import JsonObject
from config.api.problems import Problem
from config.api.ratelimit import DailyQuota
from config.api.serializers import StrictSerializer
from config.api.view import ApiView, endpoint
from config.db import uuid7
from config.db.json_text import compact
from websites.authentication import BearerAuthentication

PATH = "/api/v1/activity/events"
MAX_METADATA_BYTES = 16_384
SERVER_KEY = "_request"
MAX_AGENT_LENGTH = 512
_TYPE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class FrontendType(StrictField):
    """The type of an event, which is stored with a prefix."""

    json_types, type_code = (str, type(None)), "string_type"
    schema: ClassVar = {
        "type": "string",
        "pattern": f"^{_TYPE.pattern}$",
        "description": f"Stored as sent, with `{PREFIX}` before it.",
    }

    def to_internal_value(self, data: str | None) -> str:
        if data is None:  # as good as absent, and another error than a number
            self.fail("missing")
        if not _TYPE.fullmatch(data):
            self.fail("activity_type", data)
        return PREFIX + data


class Trimmed(Text):
    """A text of so many characters at the most, stored without white space at its ends."""

    def __init__(self, max_length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_length = max_length

    def to_internal_value(self, data: str) -> str | None:
        if len(data) > self.max_length:  # white space included: a rule would see it trimmed
            self.fail("string_too_long", data, max_length=self.max_length)
        return data.strip() or None

    def json_schema(self) -> dict[str, Any]:
        about = "Stored without white space at its ends."
        return super().json_schema() | {"maxLength": self.max_length, "description": about}


class Members(JsonObject):
    """An object of any content and a limited size, to which the server adds."""

    schema: ClassVar = {
        "type": "object",
        "description": (
            f"Any object of at most {MAX_METADATA_BYTES} bytes as compact JSON. It is stored as"
            f" sent, with a key `{SERVER_KEY}` of the server's, in place of the client's."
        ),
    }

    def to_internal_value(self, data: dict[str, Any]) -> str:
        text = super().to_internal_value(data)
        return compact(text.encode(), without=SERVER_KEY).decode() if SERVER_KEY in data else text


class ActivitySerializer(StrictSerializer):
    """One thing that happened in a front end."""

    type = FrontendType()
    sessionId = Trimmed(128, **OPTIONAL)
    projectId = Trimmed(128, **OPTIONAL)
    page = Trimmed(512, **OPTIONAL)
    metadata = Members(max_bytes=lambda: MAX_METADATA_BYTES, **OPTIONAL)

    example: ClassVar[Any] = {
        "type": "button_click",
        "sessionId": "1f9f2b8d-1f0b-4c3c-9e2c-3dbd8f8b2d77",
        "page": "/wizard/step/2",
        "metadata": {"target": "next", "component": "WizardFooter"},
    }


ACTIVITY = ActivitySerializer()


class ActivityView(ApiView):
    """/api/v1/activity/events"""

    api = registry.ACTIVITY

    def get_throttles(self) -> list[BaseThrottle]:
        """Return none while the switch is off, whose 503 comes before a 429."""
        return super().get_throttles() if runtime.current().activity_enabled else []

    @endpoint(
        ingest=True,
        rate=DailyQuota("QUOTA_ACTIVITY_EVENTS"),
        optional_authentication=BearerAuthentication,
        request=ACTIVITY,
        responses={202: Accepted},
        errors=(
            SwitchedOff(),
            Invalid(Problem("too_large", ("metadata",))),
            Conflict(idempotency.IN_USE),
        ),
        takes_key=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Store one thing that happened in a front end.

        With an `Idempotency-Key`, sending again is harmless: one event is stored.
        """
        body = request_body.read(request._request, self.endpoint.max_body_bytes)
        if not runtime.is_on("activity_enabled"):
            raise SwitchedOff
        if body:
            request_body.check_type(request._request, public=True)
        sent = ACTIVITY.read(request_body.parse_with_text(body))
        id = idempotency.key_of(request._request) or uuid7.new_id_now()
        caller_id = caller_id_of(request)
        metadata = with_facts(sent["metadata"] or "{}", facts_of(request))
        row = row_of(id, sent, caller_id, metadata)
        return self.respond(202, Accepted(), recorder.store(row))


def facts_of(request: Request) -> dict[str, str]:
    """Return what the server knows of a request."""
    return {
        "user_agent": request.headers.get("User-Agent", "")[:MAX_AGENT_LENGTH],
        "remote_addr": address_hash.hash_address(client_address(request._request)),
    }


def with_facts(metadata: str, facts: dict[str, str]) -> str:
    """Return the JSON text of an object with what the server knows as its last member."""
    added = request_body.compact({SERVER_KEY: facts})[0]
    members = metadata[1:-1].strip()
    return f"{{{members},{added[1:]}" if members else added


def caller_id_of(request: Request) -> str | None:
    """Return the user of a bearer token, None without one; raises for a bad one."""
    if not request.headers.get("Authorization", "").strip():
        return None
    caller, _ = BearerAuthentication().authenticate(request)
    return str(caller.user_id)


def row_of(id: UUID, sent: dict[str, Any], user_id: str | None, metadata: str) -> ActivityRow:
    """Return the row of an event; its request has a row of its own."""
    return ActivityRow(
        id=id,
        created_at=uuid7.time_of(id),
        event_type=sent["type"],
        user_id=user_id,
        session_id=sent["sessionId"],
        project_id=sent["projectId"],
        method="FRONTEND",
        path=sent["page"] or PATH,
        status_code=202,
        duration_ms=0,
        metadata=metadata,
    )
