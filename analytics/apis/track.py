"""The track API's funnel events: what logged-in users do, step by step."""

import logging

from django.http import HttpResponse
from rest_framework.request import Request

from analytics.ingest.funnel import keep
from config import runtime
from config.dialects import track
from config.endpoints import DialectView, endpoint
from config.errors import EventDataTooLarge, RowRefused, StorageUnavailable
from config.outcomes import Outcome
from config.serializers import JsonObject, StrictSerializer, Text
from websites.authentication import AnyCaseBearerAuthentication, caller_of

logger = logging.getLogger(__name__)

TRACKED = {"success": True, "data": {"tracked": True}}


class TrackSerializer(StrictSerializer):
    """One step; the size of its properties is checked after the switch."""

    event = Text()
    sessionId = Text(required=False, allow_null=True)
    deviceType = Text(required=False, allow_null=True)
    locale = Text(required=False, allow_null=True)
    properties = JsonObject(required=False, allow_null=True)


TRACK = TrackSerializer()


class TrackView(DialectView):
    """/api/v1/analytics/track"""

    dialect = track.DIALECT

    @endpoint(ingest=True, authentication=AnyCaseBearerAuthentication, rate="RATE_TRACK")
    def post(self, request: Request) -> HttpResponse:
        item = TRACK.to_internal_value(self.json())
        in_force = runtime.current()
        if not in_force.tracking_enabled:
            return self.answer(200, TRACKED, Outcome.KILL_SWITCH)
        demand_size(item["properties"] or "{}", in_force.max_event_data_bytes)
        try:
            keep(item, caller_of(request).user_id)
        except (StorageUnavailable, RowRefused) as error:
            logger.warning("A funnel event is lost: %s", type(error).__name__)
            return self.answer(200, TRACKED, Outcome.WRITE_FAILED)
        return self.answer(200, TRACKED, Outcome.STORED)


def demand_size(properties: str, max_bytes: int) -> None:
    """Raise EventDataTooLarge for compact JSON of more bytes than the cap."""
    if len(properties.encode()) > max_bytes:
        raise EventDataTooLarge(max_bytes)
