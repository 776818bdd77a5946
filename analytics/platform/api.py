"""The platform API: categorised events of a product's users, and statistics of all of them."""

from collections import Counter
from typing import Any, ClassVar

from django.http import HttpResponse
from django.urls import path
from rest_framework.request import Request

from analytics.ingest import writer
from analytics.platform import stats
from analytics.platform.fields import Timestamp
from analytics.platform.ingest import rows_of, store, store_batch
from analytics.platform.models import Category, PlatformEventRow, Priority
from analytics.platform.responses import (
    Buffer,
    Healthy,
    QueuedBatch,
    Stats,
    TrackedEvent,
    Unhealthy,
)
from config import runtime
from config.api import idempotency, registry, request_body
from config.api.bodies import iso
from config.api.errors import Conflict, StaffOnly
from config.api.fields import OPTIONAL, Choice, List, Text
from config.api.json_object import JsonObject
from config.api.outcomes import Outcome
from config.api.request_body import Json
from config.api.rules import at_least, at_most
from config.api.serializers import StrictSerializer
from config.api.view import ApiView, endpoint
from config.db import uuid7
from config.db.routers import ANALYTICS
from config.server import health
from websites.authentication import AnyCaseBearerAuthentication, caller_of, require_staff

MAX_BATCH = 100


class EventSerializer(StrictSerializer):
    """One event."""

    event_name = Text(at_least(1), at_most(100))
    category = Choice(*Category.values, default=Category.USER_ACTION.value)
    priority = Choice(*Priority.values, default=Priority.MEDIUM.value)
    properties = JsonObject(max_bytes=runtime.max_event_data_bytes, default=None)
    timestamp = Timestamp(**OPTIONAL)
    session_id = Text(**OPTIONAL)
    page_url = Text(**OPTIONAL)
    referrer = Text(**OPTIONAL)
    user_agent = Text(**OPTIONAL)

    example: ClassVar[Any] = {
        "event_name": "order_placed",
        "category": "trading",
        "priority": "high",
        "properties": {"pair": "BTC-USD"},
        "session_id": "s-1",
        "page_url": "https://app.example.com/trade",
    }


class ItemSerializer(EventSerializer, idempotency.KeyedSerializer):
    """One event of a batch."""


class BatchSerializer(StrictSerializer):
    """Some events of one client."""

    events = List(child=ItemSerializer(), min_length=1, max_length=MAX_BATCH)
    client_id = Text(**OPTIONAL)

    example: ClassVar[Any] = {
        "events": [{"event_name": "a"}, {"event_name": "b", "category": "feature"}],
        "client_id": "web-1",
    }


EVENT, BATCH = EventSerializer().compile(), BatchSerializer().compile()
NULL = Json(None, b"null")


class PlatformView(ApiView):
    """The base of this API's views."""

    api = registry.PLATFORM

    def sent(self) -> Json:
        """Return the JSON of the request's body, null for an empty one."""
        body = self.body()
        return request_body.parse_with_text(body) if body else NULL

    def rows(self, *items: dict[str, Any], client_id: str | None = None) -> list[PlatformEventRow]:
        """Return the rows of events of the caller."""
        return rows_of(
            items,
            caller_of(self.request).user_id,
            user_agent=self.request.headers.get("User-Agent"),
            client_id=client_id,
        )


class PlatformEventsView(PlatformView):
    """/api/v1/analytics"""

    @endpoint(
        ingest=True,
        authentication=AnyCaseBearerAuthentication,
        request=EVENT,
        responses={200: TrackedEvent},
        errors=(Conflict(idempotency.IN_USE),),
        takes_key=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Store one event of the user of the token.

        With an `Idempotency-Key`, sending again is harmless: the same id, and `duplicate`.
        """
        sent = self.sent()
        item = EVENT.read(sent)
        [row] = self.rows(idempotency.with_key(request._request, sent.value, item))
        is_on = runtime.is_on("platform_enabled")
        outcome = store(row) if is_on else Outcome.KILL_SWITCH
        return self.respond(200, TrackedEvent.of(row.id), outcome)


class PlatformBatchView(PlatformView):
    """/api/v1/analytics/batch"""

    @endpoint(
        ingest=True,
        authentication=AnyCaseBearerAuthentication,
        max_body="MAX_BATCH_BODY_BYTES",
        request=BATCH,
        responses={200: QueuedBatch},
    )
    def post(self, request: Request) -> HttpResponse:
        """Store up to 100 events; one that breaks a rule makes all of them a 422.

        An event with an `idempotency_key` may be sent again: it is stored once, and counts as
        queued. One whose key another user's event has fails alone.
        """
        batch = BATCH.read(self.sent_batch())
        rows = self.rows(*batch["events"], client_id=batch["client_id"])
        if not runtime.is_on("platform_enabled"):
            body = QueuedBatch.of(len(rows), failed=0)
            return self.respond_batch(200, body, {Outcome.KILL_SWITCH: len(rows)})
        outcomes = Counter(store_batch(rows))
        failed = outcomes[Outcome.WRITE_FAILED] + outcomes[Outcome.REJECTED]
        body = QueuedBatch.of(len(rows), failed=failed)
        return self.respond_batch(200, body, outcomes)


class PlatformStatsView(PlatformView):
    """/api/v1/analytics/stats"""

    @endpoint(
        authentication=AnyCaseBearerAuthentication, responses={200: Stats}, errors=(StaffOnly(),)
    )
    def get(self, request: Request) -> HttpResponse:
        """Add up the events of all users, for staff alone while `platform_stats_public` is off."""
        if not runtime.current().platform_stats_public:
            require_staff(caller_of(request))
        numbers = stats.stats(uuid7.now())
        return self.respond(200, Stats.of(numbers, writer.state(ANALYTICS)))


class PlatformHealthView(PlatformView):
    """/api/v1/analytics/health"""

    @endpoint(responses={200: Healthy, 503: Unhealthy})
    def get(self, request: Request) -> HttpResponse:
        """Tell whether the analytics database answers, and how the writer stands."""
        is_healthy = health.check_databases(ANALYTICS)[ANALYTICS]
        now, buffer = iso(uuid7.now()), Buffer.of(writer.state(ANALYTICS))
        if is_healthy:
            return self.respond(200, Healthy(timestamp=now, buffer=buffer))
        return self.respond(503, Unhealthy(timestamp=now, buffer=buffer))


urlpatterns = [
    path("api/v1/analytics", PlatformEventsView.as_view()),
    path("api/v1/analytics/batch", PlatformBatchView.as_view()),
    path("api/v1/analytics/stats", PlatformStatsView.as_view()),
    path("api/v1/analytics/health", PlatformHealthView.as_view()),
]
