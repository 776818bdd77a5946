"""The events API while a database is down or silent"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from time import monotonic

import pytest

from tests.support.live_client import PASSWORD, Response, event, new_website, register, send_request
from tests.support.outages import LIMIT_SECONDS, serving_on_two
from tests.support.postgres_server import Postgres
from tests.support.processes import wait_until
from tests.support.responses import NO_SPOOL
from tests.support.server import Server
from websites.lookup import MAX_AGE_SECONDS as KNOWN_SECONDS

CALLERS = 16  # at once
DB_CONNECTIONS = 4  # fewer, so that most callers wait for their turn
EVENTS_AWAY = {"error": "SERVICE_UNAVAILABLE", "message": "Event storage is unavailable"}
AWAY = {"error": "SERVICE_UNAVAILABLE", "message": "Storage is unavailable"}

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Service:
    """A server in production on two database servers, with an account and one of its websites."""

    server: Server
    databases: dict[str, Postgres]
    token: str
    tracking_code: str = ""

    def post_event(self) -> Response:
        return send_request(self.server.port, "POST", "/api/v1/events", event(self.tracking_code))

    def post_batch(self) -> Response:
        events = [event(self.tracking_code) for _ in range(3)]
        return send_request(self.server.port, "POST", "/api/v1/events/batch", {"events": events})

    def list_events(self) -> Response:
        path = f"/api/v1/events?trackingCode={self.tracking_code}&limit=1"
        return send_request(self.server.port, "GET", path)

    def log_in(self) -> Response:
        account = {"email": "owner@example.com", "password": PASSWORD}
        return send_request(self.server.port, "POST", "/api/v1/auth/login", account)

    def list_websites(self) -> Response:
        return send_request(self.server.port, "GET", "/api/v1/websites", token=self.token)

    def ask_health(self, what: str) -> Response:
        return send_request(self.server.port, "GET", f"/health/{what}")


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    limits = {"RATE_AUTH": "10000/m", "DB_CONNECTIONS": str(DB_CONNECTIONS)}
    with serving_on_two(**limits) as (server, databases):
        yield Service(server, databases, register(server.port))


@pytest.fixture
def service(running: Service) -> Service:
    """The service with a new website, when it has connections to both databases."""
    code = new_website(running.server.port, running.token)
    service = replace(running, tracking_code=code)
    # Lists that took long, as while a database was frozen, make the next ones wait.
    wait_until(lambda: {each.status for each in at_once(CALLERS, service.list_events)} == {200})
    return service


@pytest.fixture(params=["stopped", "frozen"])
def away(request, service):
    """Take one of the databases away for the time of a block."""
    return lambda alias: getattr(service.databases[alias], request.param)()


def at_once(times: int, *calls: Callable[[], Response]) -> list[Response]:
    """Make calls at the same time, so many of them in turn; return the responses in that order."""
    with ThreadPoolExecutor(times) as callers:
        turns = [callers.submit(calls[turn % len(calls)]) for turn in range(times)]
        return [turn.result() for turn in turns]


def assert_prompt(answers: list[Response]) -> None:
    assert max(response.seconds for response in answers) < LIMIT_SECONDS


def assert_unavailable(answers: list[Response], body: dict[str, str]) -> None:
    """Demand the 503 of the dialect of all responses, in time."""
    assert_prompt(answers)
    assert {response.status for response in answers} == {503}
    assert all(response.json == body for response in answers)
    assert {response.headers["Retry-After"] for response in answers} == {"5"}


def assert_events_refused(service: Service) -> None:
    """Check that events are neither taken in nor shown, and that the header says so."""
    posted = at_once(CALLERS, service.post_event, service.post_batch)
    assert_unavailable(posted, EVENTS_AWAY)
    assert {response.outcome for response in posted} == {"dropped; reason=write_failed"}
    with ThreadPoolExecutor() as callers:
        turns = callers.submit(at_once, CALLERS, service.list_events)
        live = [service.ask_health("live") for _ in range(5)]  # while all of them wait
    assert max(response.seconds for response in live) < LIMIT_SECONDS / 6
    listed = turns.result()
    assert_unavailable(listed, EVENTS_AWAY)
    assert {response.outcome for response in listed} == {None}


def assert_health_tells(service: Service, unavailable: str) -> None:
    """Check that the process is alive, and says which database is not."""
    live, ready = service.ask_health("live"), service.ask_health("ready")
    assert_prompt([live, ready])
    assert (live.status, live.json["status"]) == (200, "ok")
    databases = {"default": "ok", "analytics": "ok"} | {unavailable: "unavailable"}
    assert ready.status == 503
    assert ready.json == {"status": "unavailable", "databases": databases, "spool": NO_SPOOL}


def test_without_the_analytics_database_events_are_rejected_in_time(service, away):
    workers = service.server.workers
    service.post_event()  # so that the process knows the website
    with away("analytics"):
        for _ in range(2):
            assert_events_refused(service)
            assert_health_tells(service, unavailable="analytics")
        assert service.log_in().status == 200
        assert service.list_websites().status == 200
    assert service.post_event().outcome == "stored"
    assert service.post_batch().outcome == "stored"
    responses = at_once(CALLERS, service.list_events, service.post_event)
    assert {response.status for response in responses} == {200, 201}
    assert service.ask_health("ready").status == 200
    assert service.server.workers == workers


def test_without_the_main_database_events_of_known_websites_are_stored(service, away):
    workers = service.server.workers
    code = new_website(service.server.port, service.token)
    service = replace(service, tracking_code=code)
    assert service.post_event().outcome == "stored"
    known_until = monotonic() + KNOWN_SECONDS
    with away("default"):
        while monotonic() < known_until + 1:  # and longer, for an hour
            responses = at_once(4, service.post_event, service.post_batch)
            assert_prompt(responses)
            assert {response.outcome for response in responses} == {"stored"}
        for _ in range(2):
            assert_unavailable([replace(service, tracking_code="pm-new").post_event()], EVENTS_AWAY)
            responses = at_once(CALLERS, service.log_in, service.list_websites)
            assert_unavailable(responses, AWAY)
            assert_health_tells(service, unavailable="default")
    assert service.post_event().outcome == "stored"
    wait_until(lambda: service.list_websites().status == 200)  # the token is looked up again
    responses = at_once(CALLERS, service.list_websites, service.list_events, service.post_event)
    assert {response.status for response in responses} == {200, 201}
    assert service.log_in().status == 200
    assert service.ask_health("ready").status == 200
    assert service.server.workers == workers
