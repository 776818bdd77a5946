"""The track API while one database is down or silent"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from uuid import uuid4

import psycopg
import pytest
from django.db.models import Model

from analytics.funnel.models import FunnelEvent
from analytics.sessions.models import PageView, Session
from config.db.routers import home
from tests.support.live_client import Response, register, send_request
from tests.support.outages import LIMIT_SECONDS, serving_on_two
from tests.support.postgres_server import Postgres
from tests.support.server import Server

LIMITS = ("RATE_TRACK", "RATE_SESSION", "RATE_PAGEVIEW", "RATE_LEAVE", "RATE_HEARTBEAT")
API = "/api/v1/analytics"
STORED, FAILED = "stored", "dropped; reason=write_failed"
TRACKED = {"success": True, "data": {"tracked": True}}
NO_ID = {"success": True, "data": {"id": None}}
OK = {"success": True, "data": {"ok": True}}

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Service:
    """A server in production on two database servers, with an account, a session and its view."""

    server: Server
    databases: dict[str, Postgres]
    token: str
    session_id: str = ""
    page_view_id: str = ""

    def track(self, event: str = "signup") -> Response:
        return self._send("POST", "track", {"event": event}, is_user=True)

    def start_session(self) -> Response:
        return self._send("POST", "session", {"visitorId": "v", "consentAnalytics": "granted"})

    def view_page(self) -> Response:
        return self._send("POST", "pageview", {"sessionId": self.session_id, "path": "/"})

    def leave(self) -> Response:
        return self._send("PATCH", f"pageview/{self.page_view_id}/leave", {"duration": 5})

    def heartbeat(self) -> Response:
        return self._send("PATCH", f"session/{self.session_id}/heartbeat")

    def identify(self) -> Response:
        return self._send("PATCH", f"session/{self.session_id}/identify", is_user=True)

    def _send(
        self, method: str, path: str, body: object = None, *, is_user: bool = False
    ) -> Response:
        token = self.token if is_user else ""
        return send_request(self.server.port, method, f"{API}/{path}", body, token=token)


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with serving_on_two(**dict.fromkeys(LIMITS, "10000/m")) as (server, databases):
        yield Service(server, databases, register(server.port))


@pytest.fixture
def service(running: Service) -> Service:
    """The service with a new session that has one page view."""
    service = replace(running, session_id=id_of(running.start_session()))
    return replace(service, page_view_id=id_of(service.view_page()))


@pytest.fixture(params=["stopped", "frozen"])
def away(request, service):
    """Take one of the databases away for the time of a block."""
    return lambda alias: getattr(service.databases[alias], request.param)()


def id_of(answer: Response) -> str:
    """Return the id of what was stored."""
    assert (answer.status, answer.outcome) == (200, STORED), answer
    id: str = answer.json["data"]["id"]
    assert id
    return id


def assert_told(body: object, outcome: str, *calls: Callable[[], Response]) -> None:
    """Demand this response to requests that come at once, in time, twice."""
    for _ in range(2):
        with ThreadPoolExecutor() as callers:
            turns = [callers.submit(call) for call in calls]
        for response in (turn.result() for turn in turns):
            assert (response.status, response.json, response.outcome) == (200, body, outcome)
            assert response.seconds < LIMIT_SECONDS


def assert_all_is_well(service: Service) -> None:
    """Check that each endpoint stores."""
    workers = service.server.workers
    assert id_of(service.start_session())
    assert id_of(service.view_page())
    assert_told(TRACKED, STORED, service.track)
    assert_told(OK, STORED, service.leave, service.heartbeat, service.identify)
    assert service.server.workers == workers


def stored_in(service: Service, model: type[Model], column: str, value: str) -> int:
    """Return how many rows have a value in a column, in the one database that has the table."""
    alias = home(model)
    statement = f"SELECT FROM {model._meta.db_table} WHERE {column} = %s"
    database = service.databases[alias]
    url = database.main_url if alias == "default" else database.analytics_url
    with psycopg.connect(url) as connection:
        return connection.execute(statement, [value]).rowcount


def test_without_the_analytics_database_only_track_stores(service, away):
    event = str(uuid4())
    with away("analytics"):
        assert_told(TRACKED, STORED, lambda: service.track(event))
        assert stored_in(service, FunnelEvent, "event_type", event) == 2
        assert_told(NO_ID, FAILED, service.start_session, service.view_page)
        assert_told(OK, FAILED, service.leave, service.heartbeat, service.identify)
        assert_told(TRACKED, STORED, lambda: service.track(event))
    assert_all_is_well(service)
    assert stored_in(service, FunnelEvent, "event_type", event) == 4


def test_without_the_main_database_all_but_track_store(service, away):
    event = str(uuid4())
    with away("default"):
        for _ in range(2):
            session_id = id_of(service.start_session())
            assert stored_in(service, Session, "id", session_id) == 1
            page_view_id = id_of(service.view_page())
            assert stored_in(service, PageView, "id", page_view_id) == 1
        assert_told(TRACKED, FAILED, lambda: service.track(event))
        assert_told(OK, STORED, service.leave, service.heartbeat, service.identify)
    assert_all_is_well(service)
    assert_told(TRACKED, STORED, lambda: service.track(event))


def test_without_the_main_database_an_invalid_token_is_rejected(service):
    with service.databases["default"].stopped():
        response = replace(service, token=service.token[:-2]).track()
    assert (response.status, response.outcome) == (401, "rejected")
    assert response.json["error"]["message"] == "Invalid or expired token"
    assert_all_is_well(service)
