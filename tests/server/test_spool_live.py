"""A service whose databases go away, whose worker is killed, and which is restarted meanwhile"""

from uuid import uuid4

import psycopg
import pytest

from analytics.events.models import Event
from analytics.funnel.models import FunnelEvent
from tests.support.live_client import Connection, event, new_website, register, send_request
from tests.support.processes import kill_all, wait_until
from tests.support.server import serving

pytestmark = pytest.mark.slow

TRACK = "/api/v1/analytics/track"


class Poster:
    """Posts events of a website and of a user, and remembers what was acknowledged."""

    def __init__(self, port):
        self.token = register(port)
        self.code = new_website(port, self.token)
        self.ids, self.names = [], []

    def post(self, port, outcome):
        """Post one of each, which must have this outcome."""
        with Connection(port) as connection:
            response = connection.send("POST", "/api/v1/events", event(self.code))
            assert (response.status, response.outcome) == (201, outcome), response
            self.ids.append(response.json["id"])
            self.names.append(str(uuid4()))
            response = connection.send("POST", TRACK, {"event": self.names[-1]}, token=self.token)
            assert (response.status, response.outcome) == (200, outcome), response


def state(port):
    return send_request(port, "GET", "/health/ready").json


def stored(url, model, column):
    with psycopg.connect(url) as connection:
        return [
            text
            for (text,) in connection.execute(f"SELECT {column}::text FROM {model._meta.db_table}")
        ]


def test_what_was_spooled_outlives_killed_workers_and_a_restart(environment, postgres):
    environment |= {"SPOOL_BYTES": "100000000"}
    with serving(environment) as server:
        poster = Poster(server.port)
        poster.post(server.port, "stored")
        kept = environment["VAR_DIR"] + "/last_known.db"
        wait_until(lambda: poster.code.encode() in read_all(kept))
        postgres.kill()
        poster.post(server.port, "spooled")
        [worker] = server.workers
        kill_all(worker)
        wait_until(lambda: server.workers not in ([], [worker]))
        poster.post(server.port, "spooled")
    with serving(environment) as server:  # without a database
        assert state(server.port)["status"] == "degraded"
        poster.post(server.port, "spooled")
        assert state(server.port)["spool"]["rows"] == 6
        postgres.restart()
        wait_until(lambda: state(server.port)["status"] == "ok")
        wait_until(lambda: not state(server.port)["spool"]["rows"])
        poster.post(server.port, "stored")
    assert sorted(stored(postgres.analytics_url, Event, "id")) == sorted(poster.ids)
    assert sorted(stored(postgres.main_url, FunnelEvent, "event_type")) == sorted(poster.names)


def read_all(path):
    """Return the bytes of a file and of its write-ahead log."""
    found = b""
    for name in (path, f"{path}-wal"):
        try:
            with open(name, "rb") as file:
                found += file.read()
        except FileNotFoundError:
            continue
    return found
