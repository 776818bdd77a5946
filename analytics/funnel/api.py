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
from config.api.fields import OPTIONAL, Text
from config.api.json_object import JsonObject
from config.api.ratelimit import RateLimit
from config.api.serializers import StrictSerializer
from config.api.view import endpoint
from config.db.json_text import fit
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
        item = TRACK.read(self.sent())
        key = idempotency.key_of(request._request)
        self.require_tracking()
        properties = fitting(item["properties"] or "{}", runtime.current().max_event_data_bytes)
        outcome = store(item | {"properties": properties}, user_id_of(request), key)
        return self.respond(200, TRACKED, outcome)


def fitting(properties: str, max_bytes: int) -> str:
    """Return JSON, made compact if it is too long; raises EventDataTooLarge if it still is."""
    text = fit(properties.encode(), max_bytes)
    if text is None:
        raise EventDataTooLarge(max_bytes)
    return text


urlpatterns = [
    path("api/v1/analytics/track", FunnelEventsView.as_view()),
]
