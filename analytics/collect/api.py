"""The collect API: interaction events of logged-in browsers, single and batched."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, ClassVar

from django.http import HttpResponse
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.collect.dialect import sentence_of
from analytics.collect.ingest import (
    Item,
    rows_of,
    store,
)
from analytics.collect.models import CollectedEventRow
from analytics.collect.responses import (
    ItemResult,
    Recorded,
    RecordedBatch,
)
from config import runtime
from config.api import address_hash, registry
from config.api.client_address import client_address
from config.api.errors import (
    Invalid,
    RateLimited,
    RowRefused,
)
from config.api.fields import (
    JsonObject,
    Text,
    matching,
)
from config.api.outcomes import Outcome
from config.api.ratelimit import Quota
from config.api.serializers import (
    Items,
    StrictSerializer,
)
from config.api.timestamps import IsoTime
from config.api.view import (
    ApiView,
    endpoint,
    events_in,
)
from websites.authentication import SessionAuthentication, user_of

MAX_BATCH = 100
NOT_STORED = "Event could not be stored"


class EventSerializer(StrictSerializer):
    """One event."""

    event_type = Text(matching(r"\A[A-Za-z0-9_.-]{1,64}\Z"))
    event_data = JsonObject(max_bytes=runtime.max_event_data_bytes)
    timestamp = IsoTime(required=False, allow_null=True)

    example: ClassVar[Any] = {
        "event_type": "page_view",
        "event_data": {"page": "/dashboard", "referrer": "/login"},
    }


class BatchSerializer(StrictSerializer):
    """Some events, each of which is read for itself."""

    events = Items(at_least=1, at_most=MAX_BATCH)

    example: ClassVar[Any] = {
        "events": [
            {"event_type": "scroll", "event_data": {"position": 500}},
            {"event_type": "click", "event_data": "nav_menu"},
        ]
    }


EVENT, BATCH = EventSerializer(), BatchSerializer()


class CollectView(ApiView):
    """/api/analytics/collect

    The quota of a user counts events, of which a body is asked first. A request that is refused
    before that costs one.
    """

    api = registry.COLLECT
    quota: Quota | None = None
    is_charged = False

    @endpoint(
        ingest=True,
        authentication=SessionAuthentication,
        rate="RATE_COLLECT",
        request=(EVENT, BATCH),
        responses={200: (Recorded, RecordedBatch)},
        headers=("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"),
    )
    def post(self, request: Request) -> HttpResponse:
        """Store one event of the user of the session, or up to 100.

        A body with `events` is a batch, in which each event stands for itself. The limit counts
        events of a user, valid or not; what does not fit is refused as a whole.
        """
        sent = self.json()
        self.events_in_request = events_in(sent)
        if is_batch(sent):
            events = BATCH.to_internal_value(sent)["events"]
            self.charge(len(events))
            return self.post_batch([read(event) for event in events])
        self.charge(1)
        return self.post_single(EVENT.to_internal_value(sent))

    def post_single(self, item: Item) -> HttpResponse:
        """Store an event; raises RowRefused."""
        [(row, outcome)] = self.store([item])
        if outcome is Outcome.WRITE_FAILED:
            raise RowRefused
        return self.respond(200, Recorded.of(row.id), outcome)

    def post_batch(self, events: Sequence[Item | Invalid]) -> HttpResponse:
        """Store the valid events of a batch."""
        stored = iter(self.store([event for event in events if not isinstance(event, Invalid)]))
        ends = [
            rejected(event) if isinstance(event, Invalid) else result_of(*next(stored))
            for event in events
        ]
        outcomes = Counter(outcome for _, outcome in ends)
        body = RecordedBatch(processed=len(ends), results=[result for result, _ in ends])
        return self.respond_batch(200, body, outcomes)

    def store(self, items: Sequence[Item]) -> list[tuple[CollectedEventRow, Outcome]]:
        """Store events unless the switch is off; return the row and the outcome of each."""
        is_on, request = runtime.current().collect_enabled, self.request._request
        ip_hash = address_hash.hash_address(client_address(request)) if items and is_on else ""
        rows = rows_of(items, user_id=user_of(self.request).id, ip_hash=ip_hash)
        if not is_on:
            return [(row, Outcome.KILL_SWITCH) for row in rows]
        return list(zip(rows, store(rows), strict=True))

    def charge(self, cost: int) -> None:
        """Take the cost of the request from the user's quota; raises RateLimited."""
        assert self.quota
        self.is_charged = True
        self.quota.consume(cost)

    def check_throttles(self, request: Request) -> None:
        self.quota = Quota("RATE_COLLECT", user_of(request).id)
        self.quota.require_remaining()

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]
        if self.quota and not self.is_charged and not isinstance(exc, RateLimited):
            with suppress(RateLimited):  # another request has just taken what was left
                self.charge(1)
        return super().handle_exception(exc)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        if self.quota:
            response["X-RateLimit-Limit"] = str(self.quota.limit)
            response["X-RateLimit-Remaining"] = str(self.quota.remaining)
            response["X-RateLimit-Reset"] = str(self.quota.ends_at)
        return super().finalize_response(request, response, *args, **kwargs)


def is_batch(body: Any) -> bool:
    """Return whether a body holds several events."""
    return isinstance(body, dict) and "events" in body


def read(event: Any) -> Item | Invalid:
    """Return the values of an event of a batch, or what is wrong with it."""
    try:
        return EVENT.to_internal_value(event)
    except Invalid as error:
        return error


def rejected(error: Invalid) -> tuple[ItemResult, Outcome]:
    """Return the result and the outcome of an event of a batch that breaks a rule."""
    return ItemResult.failed(sentence_of(error, whole="event")), Outcome.REJECTED


def result_of(row: CollectedEventRow, outcome: Outcome) -> tuple[ItemResult, Outcome]:
    """Return the result and the outcome of a valid event of a batch."""
    if outcome is Outcome.WRITE_FAILED:
        return ItemResult.failed(NOT_STORED), outcome
    return ItemResult.recorded(row.id), outcome


urlpatterns = [
    path("api/analytics/collect", CollectView.as_view()),
]
