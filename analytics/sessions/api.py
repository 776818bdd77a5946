"""The track API's sessions and page views: what visitors do, whoever they are."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from django.urls import path
from rest_framework.request import Request

from analytics.sessions import (
    ingest,
    tracking_tokens,
    visitors,
)
from analytics.sessions.models import (
    PageViewRow,
    SessionRow,
)
from analytics.sessions.responses import (
    Done,
    Identified,
)
from config import runtime
from config.api import registry
from config.api.client_address import client_address
from config.api.errors import (
    RowRefused,
    StorageUnavailable,
)
from config.api.fields import (
    AnyUuid,
    Number,
    Text,
    WholeNumber,
)
from config.api.outcomes import Outcome
from config.api.serializers import StrictSerializer
from config.api.view import (
    ApiView,
    endpoint,
)
from config.db import uuid7
from websites.authentication import AnyCaseBearerAuthentication, caller_of

logger = logging.getLogger(__name__)

OK = {"success": True, "data": {"ok": True}}
GRANTED = "granted"
MAX_ADDRESS = 2048  # characters of a text that is a web address or part of one
MAX_LABEL = 255
OPTIONAL: dict[str, Any] = {"required": False, "allow_null": True}


class Cut(Text):
    """A text of any length, of which the first characters are kept."""

    def __init__(self, characters: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.characters = characters

    def to_internal_value(self, data: Any) -> str:
        return super().to_internal_value(data)[: self.characters]


class SessionSerializer(StrictSerializer):
    """A visit that begins."""

    visitorId = Text()
    consentAnalytics = Text(**OPTIONAL)
    bioPageId = AnyUuid(**OPTIONAL)
    trackingToken = Text(**OPTIONAL)
    referrer = Cut(MAX_ADDRESS, **OPTIONAL)
    landingPage = Cut(MAX_ADDRESS, **OPTIONAL)
    device = Cut(MAX_LABEL, **OPTIONAL)
    browser = Cut(MAX_LABEL, **OPTIONAL)
    os = Cut(MAX_LABEL, **OPTIONAL)
    osVersion = Cut(MAX_LABEL, **OPTIONAL)
    timezone = Cut(MAX_LABEL, **OPTIONAL)
    language = Cut(MAX_LABEL, **OPTIONAL)
    utmSource = Cut(MAX_LABEL, **OPTIONAL)
    utmMedium = Cut(MAX_LABEL, **OPTIONAL)
    utmCampaign = Cut(MAX_LABEL, **OPTIONAL)
    utmTerm = Cut(MAX_LABEL, **OPTIONAL)
    utmContent = Cut(MAX_LABEL, **OPTIONAL)
    screenWidth = WholeNumber(ge=0, le=100_000, **OPTIONAL)
    screenHeight = WholeNumber(ge=0, le=100_000, **OPTIONAL)

    example: ClassVar[Any] = {
        "visitorId": "vis-abc",
        "consentAnalytics": "granted",
        "referrer": "https://www.instagram.com/p/x",
        "timezone": "Europe/Istanbul",
    }


class PageViewSerializer(StrictSerializer):
    """A page that is entered; its session may have any id."""

    sessionId = Text()
    path = Cut(MAX_ADDRESS)
    title = Cut(MAX_LABEL, **OPTIONAL)
    referrer = Cut(MAX_ADDRESS, **OPTIONAL)
    bioPageId = AnyUuid(**OPTIONAL)
    linkClicked = AnyUuid(**OPTIONAL)

    example: ClassVar[Any] = {
        "sessionId": "019c0630-fe00-7d71-bb46-7075e0512424",
        "path": "/johndoe",
        "title": "John Doe",
    }


class LeaveSerializer(StrictSerializer):
    """How long a page was looked at, in seconds, and how far, in per cent."""

    duration = Number(ge=0, le=3600)
    scrollDepth = Number(ge=0, le=100, **OPTIONAL)

    example: ClassVar[Any] = {"duration": 47.5, "scrollDepth": 80}


SESSION, PAGE_VIEW, LEAVE = SessionSerializer(), PageViewSerializer(), LeaveSerializer()


class SessionsView(ApiView):
    """/api/v1/analytics/session"""

    api = registry.TRACK

    @endpoint(
        ingest=True,
        rate="RATE_SESSION",
        request=SESSION,
        responses={200: Identified},
    )
    def post(self, request: Request) -> HttpResponse:
        """Begin a session of a visitor.

        Nothing is stored of bots, without consent, or for a page without its tracking token.
        """
        sent = SESSION.to_internal_value(self.json())
        reason = reason_to_drop(sent, user_agent_of(request))
        if reason:
            return self.respond(200, told(None), reason)
        row = session_row(sent, request)
        outcome = outcome_of(partial(start, row))
        id = row.id if outcome is Outcome.STORED else None
        self.annotate(session_id=id)
        return self.respond(200, told(id), outcome)


class PageViewsView(ApiView):
    """/api/v1/analytics/pageview"""

    api = registry.TRACK

    @endpoint(
        ingest=True,
        rate="RATE_PAGEVIEW",
        request=PAGE_VIEW,
        responses={200: Identified},
    )
    def post(self, request: Request) -> HttpResponse:
        """Store a page view of a session."""
        sent = PAGE_VIEW.to_internal_value(self.json())
        id = uuid7.new_id_now()
        outcome = outcome_for(sent["sessionId"], lambda session: view(id, session, sent))
        return self.respond(200, told(id if outcome is Outcome.STORED else None), outcome)


class LeaveView(ApiView):
    """/api/v1/analytics/pageview/:id/leave"""

    api = registry.TRACK

    @endpoint(ingest=True, rate="RATE_LEAVE", request=LEAVE, responses={200: Done})
    def patch(self, request: Request, id: str) -> HttpResponse:
        """Set how long a page was looked at, and how far.

        PATCH and POST do the same, and share one rate limit.
        """
        sent = LEAVE.to_internal_value(self.json())
        duration, depth = sent["duration"], sent["scrollDepth"]
        leave = partial(ingest.leave, duration=duration, scroll_depth=depth)
        return self.respond(200, OK, outcome_for(id, leave))

    post = patch  # navigator.sendBeacon knows no other method


class HeartbeatView(ApiView):
    """/api/v1/analytics/session/:id/heartbeat"""

    api = registry.TRACK

    @endpoint(ingest=True, rate="RATE_HEARTBEAT", responses={200: Done})
    def patch(self, request: Request, id: str) -> HttpResponse:
        """Add 30 seconds to a session whose page is visible."""
        return self.respond(200, OK, outcome_for(id, ingest.heartbeat))


class IdentifyView(ApiView):
    """/api/v1/analytics/session/:id/identify"""

    api = registry.TRACK

    @endpoint(ingest=True, authentication=AnyCaseBearerAuthentication, responses={200: Done})
    def patch(self, request: Request, id: str) -> HttpResponse:
        """Set the user of a session to the user of the token."""
        identify = partial(ingest.identify, user_id=caller_of(request).user_id)
        return self.respond(200, OK, outcome_for(id, identify))


def reason_to_drop(sent: dict[str, Any], user_agent: str) -> Outcome | None:
    """Return why a session must not be stored, None if it may be."""
    if not runtime.current().tracking_enabled:
        return Outcome.KILL_SWITCH
    if visitors.is_bot(user_agent):
        return Outcome.BOT
    if sent["consentAnalytics"] != GRANTED:
        return Outcome.NO_CONSENT
    page, now = sent["bioPageId"], uuid7.now()
    if page and not tracking_tokens.is_valid(sent["trackingToken"], page, now):
        return Outcome.UNVERIFIED
    return None


def outcome_for(id: str, write: Callable[[UUID], bool]) -> Outcome:
    """Write to the session or page view that a text names, and return what became of it."""
    if not runtime.current().tracking_enabled:
        return Outcome.KILL_SWITCH
    named = uuid7.parse(id)
    return outcome_of(partial(write, named)) if named else Outcome.UNKNOWN_SESSION


def outcome_of(write: Callable[[], bool]) -> Outcome:
    """Write, and return what became of it; to visitors a failure looks like a success."""
    try:
        return Outcome.STORED if write() else Outcome.UNKNOWN_SESSION
    except (StorageUnavailable, RowRefused) as error:
        logger.warning(
            "What a visitor sent is lost: %s", type(error).__name__
        )  # the writer said why
        return Outcome.WRITE_FAILED


def start(row: SessionRow) -> bool:
    """Store a session."""
    ingest.start(row)
    return True


def view(id: UUID, session_id: UUID, sent: dict[str, Any]) -> bool:
    """Store a page view; False when its session does not exist."""
    row = PageViewRow(
        id=id,
        created_at=uuid7.time_of(id),
        session_id=session_id,
        path=sent["path"],
        title=sent["title"],
        referrer=sent["referrer"],
        bio_page_id=sent["bioPageId"],
        link_clicked=sent["linkClicked"],
        duration_seconds=None,
        scroll_depth=None,
    )
    return ingest.view(row)


def session_row(sent: dict[str, Any], request: Request) -> SessionRow:
    """Return the row of a session that begins now; of the client's address only a place stays."""
    id = uuid7.new_id_now()
    agent = visitors.agent_of(user_agent_of(request))
    place = visitors.place_of(client_address(request._request))
    return SessionRow(
        id=id,
        created_at=uuid7.time_of(id),
        visitor_hash=visitors.hash_of(sent["visitorId"]),
        user_id=None,
        bio_page_id=sent["bioPageId"],
        referrer=sent["referrer"],
        referrer_domain=visitors.referrer_domain(sent["referrer"]),
        landing_page=sent["landingPage"],
        device=agent.device or sent["device"],
        browser=agent.browser or sent["browser"],
        os=agent.os or sent["os"],
        os_version=agent.os_version or sent["osVersion"],
        timezone=sent["timezone"],
        language=sent["language"],
        country=place.country,
        city=place.city,
        utm_source=sent["utmSource"],
        utm_medium=sent["utmMedium"],
        utm_campaign=sent["utmCampaign"],
        utm_term=sent["utmTerm"],
        utm_content=sent["utmContent"],
        screen_width=sent["screenWidth"],
        screen_height=sent["screenHeight"],
        page_views=0,
        bounced=True,
        duration_seconds=0,
        last_active_at=uuid7.time_of(id),
    )


def user_agent_of(request: Request) -> str:
    """Return the User-Agent, empty where none came."""
    return str(request.headers.get("User-Agent", ""))


def told(id: UUID | None) -> dict[str, Any]:
    """Return the body that answers a session or a page view."""
    return {"success": True, "data": {"id": str(id) if id else None}}


urlpatterns = [
    path("api/v1/analytics/session", SessionsView.as_view()),
    path("api/v1/analytics/session/<str:id>/heartbeat", HeartbeatView.as_view()),
    path("api/v1/analytics/session/<str:id>/identify", IdentifyView.as_view()),
    path("api/v1/analytics/pageview", PageViewsView.as_view()),
    path("api/v1/analytics/pageview/<str:id>/leave", LeaveView.as_view()),
]
