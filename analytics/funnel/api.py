"""The track API's funnel events: what logged-in users do, step by step."""

import logging
from typing import Any, ClassVar

from django.http import HttpResponse
from django.urls import path
from rest_framework.request import Request

from analytics.funnel.ingest import store
from analytics.sessions.responses import Tracked
from config import runtime
from config.api import registry
from config.api.errors import (
    EventDataTooLarge,
    RowRefused,
    StorageUnavailable,
)
from config.api.fields import (
    JsonObject,
    Text,
)
from config.api.outcomes import Outcome
from config.api.serializers import StrictSerializer
from config.api.view import (
    ApiView,
    endpoint,
)
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

    example: ClassVar[Any] = {
        "event": "bio_link_click",
        "sessionId": "019c0630-fe00-7d71-bb46-7075e0512424",
        "deviceType": "mobile",
        "properties": {"linkId": "abc-123", "position": 2},
    }


TRACK = TrackSerializer()


class TrackView(ApiView):
    """/api/v1/analytics/track"""

    api = registry.TRACK

    @endpoint(
        ingest=True,
        authentication=AnyCaseBearerAuthentication,
        rate="RATE_TRACK",
        request=TRACK,
        responses={200: Tracked},
        errors=(EventDataTooLarge(10_000),),
    )
    def post(self, request: Request) -> HttpResponse:
        """Store one funnel event of the user of the token."""
        item = TRACK.to_internal_value(self.json())
        in_force = runtime.current()
        if not in_force.tracking_enabled:
            return self.respond(200, TRACKED, Outcome.KILL_SWITCH)
        demand_size(item["properties"] or "{}", in_force.max_event_data_bytes)
        try:
            store(item, caller_of(request).user_id)
        except (StorageUnavailable, RowRefused) as error:
            logger.warning("A funnel event is lost: %s", type(error).__name__)
            return self.respond(200, TRACKED, Outcome.WRITE_FAILED)
        return self.respond(200, TRACKED, Outcome.STORED)


def demand_size(properties: str, max_bytes: int) -> None:
    """Raise EventDataTooLarge for compact JSON of more bytes than the cap."""
    if len(properties.encode()) > max_bytes:
        raise EventDataTooLarge(max_bytes)


urlpatterns = [
    path("api/v1/analytics/track", TrackView.as_view()),
]
