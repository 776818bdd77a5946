"""The track API's sessions and page views: what visitors do, whoever they are."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from django.urls import path
from rest_framework.request import Request

from analytics.funnel.view import TrackView
from analytics.sessions import bots, ingest, tracking_tokens
from analytics.sessions.responses import DONE, Done, Identified
from config.api import idempotency
from config.api.client_address import client_address
from config.api.fields import OPTIONAL, ClampedNumber, RoundedNumber, Text, Uuid
from config.api.outcomes import Dropped, Outcome
from config.api.ratelimit import RateLimit, address_and_user_agent, id_in_path
from config.api.rules import at_least
from config.api.serializers import StrictSerializer
from config.api.view import endpoint
from config.db import uuid7
from websites.authentication import AnyCaseBearerAuthentication, caller_of

GRANTED = "granted"
MAX_ADDRESS = 2048  # characters of a text that is a web address or part of one
MAX_LABEL = 255
SESSION_LIMIT = RateLimit(
    "RATE_SESSION", per="User-Agent of a client address", name_of=address_and_user_agent
)
PAGE_VIEW_LIMIT = RateLimit("RATE_PAGEVIEW", per="session")
LEAVE_LIMIT = RateLimit("RATE_LEAVE", per="page view", name_of=id_in_path)
HEARTBEAT_LIMIT = RateLimit("RATE_HEARTBEAT", per="session", name_of=id_in_path)


class Cut(Text):
    """A text of any length, of which the first characters are kept."""

    def __init__(self, characters: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.characters = characters

    def to_internal_value(self, data: str) -> str:
        return data[: self.characters]


class SessionSerializer(StrictSerializer):
    """A visit that begins."""

    visitorId = Text(at_least(1))
    consentAnalytics = Text(**OPTIONAL)
    bioPageId = Uuid(**OPTIONAL)
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
    screenWidth = RoundedNumber(min_value=0, max_value=100_000, **OPTIONAL)
    screenHeight = RoundedNumber(min_value=0, max_value=100_000, **OPTIONAL)

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
    bioPageId = Uuid(**OPTIONAL)
    linkClicked = Uuid(**OPTIONAL)

    example: ClassVar[Any] = {
        "sessionId": "019c0630-fe00-7d71-bb46-7075e0512424",
        "path": "/johndoe",
        "title": "John Doe",
    }


class LeaveSerializer(StrictSerializer):
    """How long a page was looked at, in seconds, and how far, in per cent."""

    duration = ClampedNumber(min_value=0, max_value=3600)
    scrollDepth = ClampedNumber(min_value=0, max_value=100, **OPTIONAL)

    example: ClassVar[Any] = {"duration": 47.5, "scrollDepth": 80}


SESSION, PAGE_VIEW, LEAVE = SessionSerializer(), PageViewSerializer(), LeaveSerializer()


class SessionsView(TrackView):
    """/api/v1/analytics/session"""

    body_if_dropped = Identified.of(None)

    @endpoint(
        ingest=True,
        rate=SESSION_LIMIT,
        request=SESSION,
        responses={200: Identified},
        takes_key=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Begin a session of a visitor.

        Nothing is stored of bots, without consent, or for a page without its tracking token. With
        an `Idempotency-Key`, sending again is harmless: the same id, and `duplicate`.
        """
        sent = SESSION.run_validation(self.json())
        key = idempotency.key_of(request._request)
        user_agent = str(request.headers.get("User-Agent", ""))
        self.require_tracking()
        require_human(user_agent)
        require_consent(sent)
        require_tracking_token(sent)
        row = ingest.session_row(sent, user_agent, client_address(request._request), key=key)
        outcome = ingest.start(row)
        self.annotate(session_id=row.id)
        return self.respond(200, Identified.of(row.id), outcome)


class PageViewsView(TrackView):
    """/api/v1/analytics/pageview"""

    body_if_dropped = Identified.of(None)

    @endpoint(
        ingest=True,
        rate=PAGE_VIEW_LIMIT,
        request=PAGE_VIEW,
        responses={200: Identified},
        takes_key=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Store a page view of a session.

        With an `Idempotency-Key`, sending again is harmless: the same id, and `duplicate`.
        """
        sent = PAGE_VIEW.run_validation(self.json())
        key = idempotency.key_of(request._request)
        PAGE_VIEW_LIMIT.count_name(request._request, sent["sessionId"])
        self.require_tracking()
        row = ingest.page_view_row(sent, require_id(sent["sessionId"]), key=key)
        outcome = ingest.view(row, has_key=key is not None)
        return self.respond(200, Identified.of(row.id), outcome)


class LeaveView(TrackView):
    """/api/v1/analytics/pageview/:id/leave"""

    body_if_dropped = DONE

    @endpoint(ingest=True, rate=LEAVE_LIMIT, request=LEAVE, responses={200: Done})
    def patch(self, request: Request, id: str) -> HttpResponse:
        """Set how long a page was looked at, and how far.

        PATCH and POST do the same, and share one rate limit.
        """
        sent = LEAVE.run_validation(self.json())
        self.require_tracking()
        duration, depth = sent["duration"], sent["scrollDepth"]
        outcome = ingest.leave(require_id(id), duration=duration, scroll_depth=depth)
        return self.respond(200, DONE, outcome)

    post = patch  # navigator.sendBeacon knows no other method


class HeartbeatView(TrackView):
    """/api/v1/analytics/session/:id/heartbeat"""

    body_if_dropped = DONE

    @endpoint(ingest=True, rate=HEARTBEAT_LIMIT, responses={200: Done})
    def patch(self, request: Request, id: str) -> HttpResponse:
        """Note that the page of a session is visible.

        The session gets longer by the whole seconds since its last heartbeat, or else its start,
        at most 30.
        """
        self.require_tracking()
        return self.respond(200, DONE, ingest.heartbeat(require_id(id)))


class IdentifyView(TrackView):
    """/api/v1/analytics/session/:id/identify"""

    body_if_dropped = DONE

    @endpoint(ingest=True, authentication=AnyCaseBearerAuthentication, responses={200: Done})
    def patch(self, request: Request, id: str) -> HttpResponse:
        """Set the user of a session to the user of the token."""
        self.require_tracking()
        outcome = ingest.identify(require_id(id), caller_of(request).user_id)
        return self.respond(200, DONE, outcome)


def require_human(user_agent: str) -> None:
    """Raise Dropped for the User-Agent of a crawler."""
    if bots.is_bot(user_agent):
        raise Dropped(Outcome.BOT)


def require_consent(sent: dict[str, Any]) -> None:
    """Raise Dropped unless the visitor agreed to be counted."""
    if sent["consentAnalytics"] != GRANTED:
        raise Dropped(Outcome.NO_CONSENT)


def require_tracking_token(sent: dict[str, Any]) -> None:
    """Raise Dropped for a bio page whose token is not valid now; no page needs no token."""
    page = sent["bioPageId"]
    if page and not tracking_tokens.is_valid(sent["trackingToken"], page, uuid7.now()):
        raise Dropped(Outcome.UNVERIFIED)


def require_id(text: str) -> UUID:
    """Return the id of a session or page view; raises Dropped for a text that can be none."""
    id = uuid7.parse(text)
    if id is None:
        raise Dropped(Outcome.UNKNOWN_SESSION)
    return id


urlpatterns = [
    path("api/v1/analytics/session", SessionsView.as_view()),
    path("api/v1/analytics/session/<str:id>/heartbeat", HeartbeatView.as_view()),
    path("api/v1/analytics/session/<str:id>/identify", IdentifyView.as_view()),
    path("api/v1/analytics/pageview", PageViewsView.as_view()),
    path("api/v1/analytics/pageview/<str:id>/leave", LeaveView.as_view()),
]
