"""The platform API while one database is down or silent"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.live_client import Response, register, send_request
from tests.support.outages import LIMIT_SECONDS, serving_on_two
from tests.support.postgres_server import Postgres
from tests.support.server import Server

PATH = "/api/v1/analytics"
EVENT = {"event_name": "order_placed"}
AWAY = {"detail": "Event storage is unavailable"}

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Service:
    """A server in production on two database servers, with an account."""

    server: Server
    databases: dict[str, Postgres]
    token: str

    def post(self) -> Response:
        return self._send("POST", "", EVENT)

    def post_batch(self) -> Response:
        return self._send("POST", "/batch", {"events": [EVENT, EVENT]})

    def stats(self) -> Response:
        return self._send("GET", "/stats")

    def health(self) -> Response:
        return send_request(self.server.port, "GET", f"{PATH}/health")

    def _send(self, method: str, path: str, body: object = None) -> Response:
        return send_request(self.server.port, method, PATH + path, body, token=self.token)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving_on_two() as (server, databases):
        yield Service(server, databases, register(server.port))


@pytest.fixture(params=["stopped", "frozen"])
def away(request, service):
    """Take one of the databases away for the time of a block."""
    return lambda alias: getattr(service.databases[alias], request.param)()


def assert_all_is_well(service: Service) -> None:
    """Demand that events are stored, and counted in the next response."""
    total = total_of(service)
    assert [service.post().outcome, service.post_batch().outcome] == ["stored", "stored"]
    assert total_of(service) == total + 3
    assert (service.health().status, service.health().json["status"]) == (200, "healthy")


def total_of(service: Service) -> int:
    response = service.stats()
    assert response.status == 200, response
    total: int = response.json["total_events"]
    return total


def test_without_the_analytics_database(service, away):
    assert_all_is_well(service)
    total = total_of(service)
    with away("analytics"):
        for response in (service.post(), service.post_batch(), service.stats()):
            assert (response.status, response.json) == (503, AWAY)
            assert response.headers["Retry-After"] == "5"
            assert response.seconds < LIMIT_SECONDS
        assert service.post().outcome == "dropped; reason=write_failed"
        health = service.health()
        assert (health.status, health.json["status"]) == (503, "unhealthy")
        assert health.json["buffer"]["last_flush"]
        assert "Retry-After" not in health.headers
        assert health.seconds < LIMIT_SECONDS
    assert total_of(service) == total
    assert_all_is_well(service)


def test_without_the_main_database_a_signed_token_is_enough(service, away):
    total = total_of(service)
    with away("default"):
        for response in (service.post(), service.post_batch()):
            assert (response.status, response.outcome) == (200, "stored")
            assert response.seconds < LIMIT_SECONDS
        assert total_of(service) == total + 3
        assert service.health().status == 200
    assert_all_is_well(service)
