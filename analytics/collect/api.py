"""The collect API: interaction events of logged-in browsers, one or some at a time."""

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
from analytics.collect.models import (
    CollectedEventRow,
    public_id,
)
from analytics.collect.responses import (
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
BEST_FIRST = (Outcome.STORED, Outcome.KILL_SWITCH, Outcome.WRITE_FAILED, Outcome.REJECTED)
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
        body = self.json()
        self.events_in_request = events_in(body)
        if is_batch(body):
            sent = BATCH.to_internal_value(body)["events"]
            self.charge(len(sent))
            return self.answer_batch([read(event) for event in sent])
        self.charge(1)
        return self.answer_single(EVENT.to_internal_value(body))

    def answer_single(self, item: Item) -> HttpResponse:
        """Store an event and tell its id."""
        [(row, end)] = self.store([item])
        if end is Outcome.WRITE_FAILED:
            raise RowRefused
        message = "Event recorded successfully"
        told = {"success": True, "event_id": public_id(row.id), "message": message}
        return self.respond(200, told, end)

    def answer_batch(self, events: Sequence[Item | Invalid]) -> HttpResponse:
        """Store the valid ones of a batch and tell what became of each."""
        stored = iter(self.store([event for event in events if not isinstance(event, Invalid)]))
        results, ends = [], Counter[Outcome]()
        for event in events:
            if isinstance(event, Invalid):
                end = Outcome.REJECTED
                results.append(failure(sentence_of(event, whole="event")))
            else:
                row, end = next(stored)
                results.append(failure(NOT_STORED) if end is Outcome.WRITE_FAILED else success(row))
            ends[end] += 1
        outcome = next(end for end in BEST_FIRST if ends[end])
        told = {"success": True, "processed": len(events), "results": results}
        return self.respond(200, told, outcome, events=ends)

    def store(self, items: Sequence[Item]) -> list[tuple[CollectedEventRow, Outcome]]:
        """Store events unless the switch is off; return the row of each and what became of it."""
        is_on, request = runtime.current().collect_enabled, self.request._request
        mark = address_hash.hash_address(client_address(request)) if items and is_on else ""
        rows = rows_of(items, user_id=user_of(self.request).id, ip_hash=mark)
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
    """Tell whether a body holds several events."""
    return isinstance(body, dict) and "events" in body


def read(event: Any) -> Item | Invalid:
    """Return the values of an event of a batch, or what is wrong with it."""
    try:
        return EVENT.to_internal_value(event)
    except Invalid as error:
        return error


def success(row: CollectedEventRow) -> dict[str, Any]:
    """Return the result of an event of a batch that was taken."""
    return {"success": True, "event_id": public_id(row.id)}


def failure(sentence: str) -> dict[str, Any]:
    """Return the result of an event of a batch that was not."""
    return {"success": False, "error": sentence}


urlpatterns = [
    path("api/analytics/collect", CollectView.as_view()),
]
