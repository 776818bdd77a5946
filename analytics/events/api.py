"""The events API: events of websites with tracking codes, written and read."""

from collections import Counter
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.urls import path
from rest_framework.request import Request

from analytics.events.ingest import (
    ID_IN_USE,
    Item,
    count_batch,
    count_event,
    row_of,
    store,
    store_batch,
)
from analytics.events.models import Event
from analytics.events.responses import (
    INVALID_EVENT,
    CreatedBatch,
    DuplicateEvent,
    EventBody,
    EventPage,
    FullEvent,
    PartialBatch,
    batch_body,
)
from analytics.events.serializers import BATCH, EVENT, LIST_QUERY
from analytics.reports.derived import marks
from config import runtime
from config.api import registry
from config.api.dialects.base import Messages
from config.api.errors import Conflict, Invalid, MissingParameter, NotFound, RateLimited
from config.api.outcomes import Outcome
from config.api.view import ApiView, endpoint
from config.db import uuid7
from config.server.capacity import LISTS
from websites import lookup
from websites.authentication import BearerAuthentication
from websites.lookup import Site

UNKNOWN_CODE = "Website with this tracking code not found"
NO_WEBSITE, NO_EVENT = "Website not found", "Event not found"


def messages(*, invalid: str = "", failed: str) -> Messages:
    """Return the messages of one endpoint of this API."""
    unavailable = "Event storage is unavailable"
    return Messages(invalid, failed, failed_code="INTERNAL_SERVER_ERROR", unavailable=unavailable)


class EventsView(ApiView):
    """/api/v1/events"""

    api = registry.EVENTS

    @endpoint(
        ingest=True,
        messages=messages(invalid=INVALID_EVENT, failed="Failed to create event"),
        request=EVENT,
        responses={201: EventBody, 200: DuplicateEvent},
        errors=(NotFound(UNKNOWN_CODE), RateLimited(3600), Conflict(ID_IN_USE)),
    )
    def post(self, request: Request) -> HttpResponse:
        """Store one event of a website.

        With an `id` of the client's own, sending again is harmless: 200 and `duplicate`. An event
        that the settings of the website leave out gets its 201, with an id that leads nowhere. What
        exceeds `QUOTA_WEBSITE_EVENTS` of a website in a UTC day, if that is set, is a 429.
        """
        item = EVENT.read(self.sent())
        site = lookup.active_site(item["trackingCode"])
        if site is None:
            raise NotFound(UNKNOWN_CODE)
        count_event(site, request._request)
        if drop_outcome := self.drop_outcome(site, item):
            return self.respond(201, EventBody.from_attributes(row_of(item, site)), drop_outcome)
        result = store(item, site, request._request)
        status = 200 if result.outcome is Outcome.DUPLICATE else 201
        return self.respond(status, EventBody.from_attributes(result.stored), result.outcome)

    def drop_outcome(self, site: Site, item: Item) -> Outcome | None:
        """Return why an event is not to be stored, None if it is."""
        if not runtime.is_on("events_enabled"):
            return Outcome.KILL_SWITCH
        if site.excludes_url(item["url"]) or site.excludes_client(self.request._request):
            return Outcome.WEBSITE_SETTINGS
        return None

    @endpoint(
        messages=messages(invalid="Invalid query parameters", failed="Failed to fetch events"),
        optional_authentication=BearerAuthentication,
        request=LIST_QUERY,
        responses={200: EventPage},
        errors=(MissingParameter("trackingCode"), NotFound(NO_WEBSITE)),
    )
    def get(self, request: Request) -> HttpResponse:
        """List the events of a website, the newest first.

        A token is asked for only while staff have made reads private; then it must be the owner's.
        """
        code = request.query_params.get("trackingCode")
        if not code:
            raise MissingParameter("trackingCode")
        with LISTS.bounded():
            owner_id = required_owner_id(request)
            query = LIST_QUERY.run_validation(request.query_params.dict())
            site = lookup.active_site(code)
            if site is None or owner_id not in (None, site.user_id):
                raise NotFound(NO_WEBSITE)
            return self.respond(200, page_of(site, query))


class EventBatchView(ApiView):
    """/api/v1/events/batch"""

    api = registry.EVENTS

    @endpoint(
        ingest=True,
        messages=messages(
            invalid="Invalid batch event data", failed="Failed to create batch events"
        ),
        max_body="MAX_BATCH_BODY_BYTES",
        request=BATCH,
        responses={201: CreatedBatch, 207: PartialBatch},
        errors=(RateLimited(3600),),
    )
    def post(self, request: Request) -> HttpResponse:
        """Store up to 1000 events, of one website or several.

        An event that breaks a rule, or whose website is unknown, fails alone. Only when all of them
        break rules is the request a 400. One that the settings of its website leave out is missing
        in `events`, and is no error. A batch that exceeds the quota of one of its websites
        (`QUOTA_WEBSITE_EVENTS` in a UTC day, if that is set) is a 429 as a whole.
        """
        items = BATCH.read(self.sent_batch())["events"]
        count_batch(items, request._request)
        if not runtime.is_on("events_enabled"):
            return self.respond_batch(201, batch_body([]), Counter(map(outcome_while_off, items)))
        results = store_batch(items, request._request)
        body, outcomes = batch_body(results), Counter(result.outcome for result in results)
        return self.respond_batch(201 if body.success else 207, body, outcomes)


class EventView(ApiView):
    """/api/v1/events/:id"""

    api = registry.EVENTS

    @endpoint(
        messages=messages(failed="Failed to fetch event"),
        optional_authentication=BearerAuthentication,
        responses={200: FullEvent},
        errors=(NotFound(NO_EVENT),),
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        """Show one event with its properties.

        A token is asked for only while staff have made reads private; then it must be the owner's.
        """
        with LISTS.bounded():
            owner_id = required_owner_id(request)
            event_id = uuid7.parse(id)
            event = Event.objects.filter(id=event_id).first() if event_id else None
            site = lookup.active_site_of_id(event.website_id) if event else None
            if event is None or site is None or owner_id not in (None, site.user_id):
                raise NotFound(NO_EVENT)
            return self.respond(200, FullEvent.of(event))


def outcome_while_off(item: Any) -> Outcome:
    """Return the outcome of an event of a batch while the switch is off."""
    return Outcome.REJECTED if isinstance(item, Invalid) else Outcome.KILL_SWITCH


def required_owner_id(request: Request) -> UUID | None:
    """Return the only user whose websites may be read, the caller; None while reads are public."""
    if runtime.current().public_event_reads:
        return None
    caller, _ = BearerAuthentication().authenticate(request)
    return caller.user_id


def page_of(site: Site, query: dict[str, Any]) -> EventPage:
    """Return one page of a website's events, the newest first."""
    limit, offset, cursor = query["limit"], query["offset"], query["cursor"]
    matching = Event.objects.of_website(site.id).defer("properties")
    if query["eventType"]:
        matching = matching.of_type(query["eventType"])
    start = 0 if cursor else offset
    rest = matching.after(cursor) if cursor else matching
    found = list(rest.newest_first()[start : start + limit + 1])  # one more shows that it goes on
    total = marks.total(site.id, query["eventType"] or None)
    return EventPage.of(found, total=total, limit=limit, offset=start)


urlpatterns = [
    path("api/v1/events", EventsView.as_view()),
    path("api/v1/events/batch", EventBatchView.as_view()),
    path("api/v1/events/<str:id>", EventView.as_view()),
]
