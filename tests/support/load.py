"""Clients that post events and remember what was acknowledged"""

import http.client
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg

from analytics.events.models import Event
from config.db import uuid7
from tests.support.live_client import Connection, Response, event
from tests.support.processes import TIMEOUT_SECONDS, wait_until

CLIENTS = 16
SINGLE, BATCH = "/api/v1/events", "/api/v1/events/batch"
ADDRESS = "https://load.example/"
# Path, number of events, and whether the client chooses their ids.
KINDS = ((SINGLE, 1, False), (SINGLE, 1, True), (BATCH, 5, False), (BATCH, 20, True))


@dataclass(frozen=True, slots=True)
class Post:
    """A request with events; one with ids may be repeated until there is a response."""

    path: str
    events: list[dict[str, str]]
    has_ids: bool

    @property
    def body(self) -> Any:
        """The JSON body."""
        return self.events[0] if self.path == SINGLE else {"events": self.events}


class Load:
    """What became of the events of many clients; the URL of each event is unique.

    at_ms: the times of the events, if they are not now.
    """

    def __init__(
        self, port: int, tracking_code: str, at_ms: Callable[[], int] | None = None
    ) -> None:
        self._at_ms = at_ms
        self._port = port
        self._tracking_code = tracking_code
        self._is_over = threading.Event()
        self._counting = threading.Lock()
        self.acknowledged: dict[str, str] = {}  # an event's URL to the id that was answered
        self.request_ids: set[str] = set()  # of all requests that were answered
        self.failures = 0
        self.slowest = 0.0  # seconds of an answer
        self.surprises: list[Response] = []

    def wait_for_more(self, events: int) -> None:
        """Wait until so many more events have been acknowledged than by now."""
        enough = len(self.acknowledged) + events
        wait_until(lambda: len(self.acknowledged) >= enough)

    def wait_for_failure(self) -> None:
        """Wait until one more request has failed than by now."""
        until_now = self.failures
        wait_until(lambda: self.failures > until_now)

    def assert_kept_once(self, database_url: str) -> None:
        """Look for each acknowledged event in the database, and for events that are there twice."""
        with psycopg.connect(database_url) as connection:
            rows = connection.execute(
                f"SELECT url, id::text FROM {Event._meta.db_table} WHERE url LIKE '{ADDRESS}%'"
            )
            stored = rows.fetchall()
        lost = self.acknowledged.items() - set(stored)
        assert not lost, f"{len(lost)} of {len(self.acknowledged)} acknowledged events are lost"
        twice = [url for url, count in Counter(url for url, _ in stored).items() if count > 1]
        assert not twice, f"{len(twice)} events are stored twice"
        assert not self.surprises, self.surprises[:3]

    def post(self, number: int) -> None:
        """Be one client, until the load is over."""
        kinds = itertools.islice(itertools.cycle(KINDS), number, None)
        unanswered: Post | None = None
        with Connection(self._port) as connection:
            while not self._is_over.is_set():
                sent = unanswered or self._new_post(*next(kinds))
                is_answered = self._send(connection, sent)
                unanswered = sent if sent.has_ids and not is_answered else None
                if not is_answered:
                    self._is_over.wait(0.02)  # the server needs the processor to come back

    def end(self) -> None:
        """Let each client end after its request."""
        self._is_over.set()

    def _new_post(self, path: str, count: int, has_ids: bool) -> Post:
        events = []
        for _ in range(count):
            ms = self._at_ms() if self._at_ms else uuid7.now_ms()
            fields: dict[str, Any] = {"id": str(uuid7.new_id(ms))} if has_ids else {}
            fields |= {"timestamp": ms} if self._at_ms else {}
            events.append(event(self._tracking_code, f"{ADDRESS}{uuid4()}", **fields))
        return Post(path, events, has_ids)

    def _send(self, connection: Connection, post: Post) -> bool:
        """Post; return whether a final response came."""
        try:
            response = connection.send("POST", post.path, post.body)
        except (OSError, http.client.HTTPException):
            connection.close()
            return self._fail()
        self.request_ids.add(response.headers["X-Request-Id"])
        self.slowest = max(self.slowest, response.seconds)
        if response.status == 503:
            return self._fail()
        if response.outcome in ("stored", "spooled", "duplicate"):
            body = response.json
            self.acknowledged |= {each["url"]: each["id"] for each in body.get("events", [body])}
        else:
            self.surprises.append(response)
        return True

    def _fail(self) -> bool:
        with self._counting:
            self.failures += 1
        return False


@contextmanager
def load_on(
    port: int,
    tracking_code: str,
    *,
    at_ms: Callable[[], int] | None = None,
    clients: int = CLIENTS,
) -> Iterator[Load]:
    """Post events from some clients until the block ends, and then let their requests end."""
    load = Load(port, tracking_code, at_ms)
    threads = [threading.Thread(target=load.post, args=[number]) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.end()
        for thread in threads:
            thread.join(TIMEOUT_SECONDS)
