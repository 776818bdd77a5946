"""The track API's funnel events: what logged-in users do, step by step."""

from typing import Any, ClassVar

from django.http import HttpResponse
from django.urls import path
from rest_framework.request import Request

from analytics.funnel.ingest import store
from analytics.funnel.responses import TRACKED, Tracked
from analytics.funnel.view import TrackView
from config import runtime
from config.api import idempotency
from config.api.errors import Conflict, EventDataTooLarge
from config.api.fields import OPTIONAL, JsonObject, Text
from config.api.ratelimit import RateLimit
from config.api.serializers import StrictSerializer
from config.api.view import endpoint
from websites.authentication import BearerOrSessionAuthentication, user_id_of


class TrackSerializer(StrictSerializer):
    """One step; the size of its properties is checked after the switch."""

    event = Text()
    sessionId = Text(**OPTIONAL)
    deviceType = Text(**OPTIONAL)
    locale = Text(**OPTIONAL)
    properties = JsonObject(**OPTIONAL)

    example: ClassVar[Any] = {
        "event": "bio_link_click",
        "sessionId": "019c0630-fe00-7d71-bb46-7075e0512424",
        "deviceType": "mobile",
        "properties": {"linkId": "abc-123", "position": 2},
    }


TRACK = TrackSerializer()


class FunnelEventsView(TrackView):
    """/api/v1/analytics/track"""

    body_if_dropped = TRACKED

    @endpoint(
        ingest=True,
        authentication=BearerOrSessionAuthentication,
        rate=RateLimit("RATE_TRACK"),
        request=TRACK,
        responses={200: Tracked},
        errors=(EventDataTooLarge(10_000), Conflict(idempotency.IN_USE)),
        takes_key=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Store one funnel event of the user of the token.

        Without an `Authorization` header the user is that of the session of the browser; no page
        of another origin may send it.

        With an `Idempotency-Key`, sending again is harmless: one event is stored.
        """
        item = TRACK.run_validation(self.json())
        key = idempotency.key_of(request._request)
        self.require_tracking()
        require_size(item["properties"] or "{}", runtime.current().max_event_data_bytes)
        outcome = store(item, user_id_of(request), key)
        return self.respond(200, TRACKED, outcome)


def require_size(properties: str, max_bytes: int) -> None:
    """Raise EventDataTooLarge for compact JSON of more bytes than the cap."""
    if len(properties.encode()) > max_bytes:
        raise EventDataTooLarge(max_bytes)


urlpatterns = [
    path("api/v1/analytics/track", FunnelEventsView.as_view()),
]
