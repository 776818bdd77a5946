"""The collect API: interaction events of logged-in browsers, single and batched."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

from django.http import HttpResponse
from django.urls import path
from rest_framework.request import Request

from analytics.collect.dialect import sentence_of
from analytics.collect.fields import EVENT_TYPE, Events, IsoTime
from analytics.collect.ingest import Item, rows_of, store
from analytics.collect.models import CollectedEventRow
from analytics.collect.responses import ItemResult, Recorded, RecordedBatch
from analytics.collect.view import QuotaView, quota_of
from config import runtime
from config.api import address_hash, idempotency, registry
from config.api.client_address import client_address
from config.api.errors import Conflict, Invalid, RowRefused
from config.api.fields import OPTIONAL, Text
from config.api.json_object import JsonObject
from config.api.outcomes import Outcome
from config.api.ratelimit import RateLimit
from config.api.request_body import Json
from config.api.serializers import StrictSerializer
from config.api.view import endpoint
from websites.authentication import SessionAuthentication, user_of

NOT_STORED = "Event could not be stored"


class EventSerializer(StrictSerializer):
    """One event."""

    event_type = Text(EVENT_TYPE)
    event_data = JsonObject(max_bytes=runtime.max_event_data_bytes)
    timestamp = IsoTime(**OPTIONAL)

    example: ClassVar[Any] = {
        "event_type": "page_view",
        "event_data": {"page": "/dashboard", "referrer": "/login"},
    }


class ItemSerializer(EventSerializer, idempotency.KeyedSerializer):
    """One event of a batch."""


ITEM = ItemSerializer()


class BatchSerializer(StrictSerializer):
    """Some events, each of which is read for itself."""

    events = Events(ITEM)

    example: ClassVar[Any] = {"events": Events.example}


EVENT, BATCH = EventSerializer(), BatchSerializer()


class CollectView(QuotaView):
    """/api/analytics/collect"""

    api = registry.COLLECT

    @endpoint(
        ingest=True,
        authentication=SessionAuthentication,
        rate=RateLimit("RATE_COLLECT"),
        max_body="MAX_BATCH_BODY_BYTES",
        request=(EVENT, BATCH),
        array=Events(),
        responses={200: (Recorded, RecordedBatch)},
        headers=("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"),
        errors=(Conflict(idempotency.IN_USE),),
        takes_key=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Store one event of the user of the session, or up to 100.

        A body with `events` is a batch, in which each event stands for itself; so is an array of
        events. The limit counts events of a user, valid or not; what does not fit is refused as a
        whole.

        With an `Idempotency-Key`, or in a batch an `idempotency_key` of its own, an event may be
        sent again: it is stored once.
        """
        sent, quota = self.sent_batch(), quota_of(request)
        if is_batch(sent.value):
            events = BATCH.read(sent)["events"]
            quota.consume(len(events))
            return self.post_batch([read(event) for event in events])
        quota.consume(1)
        item = EVENT.read(sent)
        return self.post_single(idempotency.with_key(request._request, sent.value, item))

    def sent(self) -> Json:
        """Return the JSON of the body; an array stands for a batch of its items."""
        sent = super().sent()
        if not isinstance(sent.value, list):
            return sent
        return Json({"events": sent.value}, b'{"events":%s}' % sent.text)

    def post_single(self, item: Item) -> HttpResponse:
        """Store an event; raises Conflict or RowRefused."""
        [(row, outcome)] = self.store([item])
        if outcome is Outcome.REJECTED:
            raise Conflict(idempotency.IN_USE)
        if outcome is Outcome.WRITE_FAILED:
            raise RowRefused
        return self.respond(200, Recorded.of(row.id), outcome)

    def post_batch(self, events: Sequence[Item | Invalid]) -> HttpResponse:
        """Store the valid events of a batch."""
        stored = iter(self.store([event for event in events if not isinstance(event, Invalid)]))
        results = [
            rejected(event) if isinstance(event, Invalid) else result_of(*next(stored))
            for event in events
        ]
        body = RecordedBatch(processed=len(results), results=[result for result, _ in results])
        return self.respond_batch(200, body, Counter(outcome for _, outcome in results))

    def store(self, items: Sequence[Item]) -> list[tuple[CollectedEventRow, Outcome]]:
        """Store events unless the switch is off; return the row and the outcome of each."""
        is_on, request = runtime.is_on("collect_enabled"), self.request._request
        ip_hash = address_hash.hash_address(client_address(request)) if items and is_on else ""
        rows = rows_of(items, user_id=user_of(self.request).id, ip_hash=ip_hash)
        if not is_on:
            return [(row, Outcome.KILL_SWITCH) for row in rows]
        return list(zip(rows, store(rows), strict=True))


def is_batch(body: Any) -> bool:
    return isinstance(body, dict) and "events" in body


def read(event: Any) -> Item | Invalid:
    """Return the values of an event of a batch, or what is wrong with it."""
    try:
        return ITEM.run_validation(event)
    except Invalid as error:
        return error


def rejected(error: Invalid) -> tuple[ItemResult, Outcome]:
    """Return the result and the outcome of an event of a batch that breaks a rule."""
    return ItemResult.failed(sentence_of(error, whole="event")), Outcome.REJECTED


def result_of(row: CollectedEventRow, outcome: Outcome) -> tuple[ItemResult, Outcome]:
    """Return the result and the outcome of a valid event of a batch."""
    if outcome is Outcome.WRITE_FAILED:
        return ItemResult.failed(NOT_STORED), outcome
    if outcome is Outcome.REJECTED:
        return ItemResult.failed(idempotency.IN_USE), outcome
    return ItemResult.recorded(row.id), outcome


urlpatterns = [
    path("api/analytics/collect", CollectView.as_view()),
]
