"""Two worker processes and a Redis"""

import os
import re
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from time import monotonic, time
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

import psycopg
import pytest

from config.db.embedded_postgres import database_url
from tests.support.live_client import Connection, Response, event
from tests.support.migrated_data import first_run_on_migrated_data
from tests.support.processes import temporary_directory, wait_until
from tests.support.redis_server import Redis
from tests.support.server import Server, first_run_environment, serving, startup_error

SEEN_SECONDS = 2  # a change of a switch, by all workers
PROMPT_SECONDS = 3  # requests while Redis is away
ADMIN = "admin@example.com"
SWITCH = "/admin/config/runtimesettings/1/change/"

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Service:
    """A server of two workers, with a connection to each of them."""

    server: Server
    redis: Redis
    links: list[Connection]
    var_dir: Path

    @property
    def password(self) -> str:
        return (self.var_dir / "admin_password").read_text().strip()

    def post_event(self, connection: Connection) -> Response:
        return connection.send(
            "POST", "/api/v1/events", event(self.server.value_of("Tracking code"))
        )

    @contextmanager
    def no_event_is_written(self) -> Iterator[Callable[[], bool]]:
        """Lock the table of events; yield a call that returns whether a writer waits for it."""
        url = database_url(self.var_dir, "millrace_analytics")
        with psycopg.connect(url) as holder:
            holder.execute("LOCK TABLE analytics_event IN SHARE MODE")
            waiting = "SELECT FROM pg_locks WHERE NOT granted"
            yield lambda: bool(holder.execute(waiting).rowcount)

    def log_in(self, connection: Connection, password: str = "") -> Response:
        account = {"email": ADMIN, "password": password or self.password}
        return connection.send("POST", "/api/v1/auth/login", account)


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Server, Redis, Path]]:
    with ExitStack() as stack:
        redis, var_dir = stack.enter_context(Redis()), stack.enter_context(temporary_directory())
        environment = first_run_on_migrated_data(var_dir) | {
            "WORKERS": "2",
            "REDIS_URL": redis.url,
            "RATE_AUTH": "10/d",  # no window ends within the test
            "LOGIN_FAILURES": "4/d",
            "WRITE_TIMEOUT_SECONDS": "30",  # no write ends by itself within the test
        }
        yield stack.enter_context(serving(environment)), redis, var_dir


@pytest.fixture
def service(running: tuple[Server, Redis, Path]) -> Iterator[Service]:
    server, redis, var_dir = running
    redis.forget_all()
    with ExitStack() as stack:
        yield Service(server, redis, links_to_all_workers(server, stack), var_dir)


def links_to_all_workers(server: Server, stack: ExitStack) -> list[Connection]:
    """Open connections until there is one to each worker."""
    links: dict[int, Connection] = {}
    while len(links) < len(server.workers):
        connection = stack.enter_context(Connection(server.port))
        connection.send("GET", "/health/live")
        links.setdefault(worker_of(connection, server), connection)
    return list(links.values())


def link_to(worker: int, server: Server, stack: ExitStack) -> Connection:
    """Open connections until there is one to a certain worker."""
    while True:
        connection = stack.enter_context(Connection(server.port))
        connection.send("GET", "/health/live")
        if worker_of(connection, server) == worker:
            return connection


def worker_of(connection: Connection, server: Server) -> int:
    """Return the process id of the worker that holds the other end of a connection."""
    local, remote = (f"0100007F:{port:04X}" for port in (server.port, connection.client_port))
    for line in Path("/proc/net/tcp").read_text().splitlines():
        _, here, there, *_, inode = line.split()[:10]
        if (here, there) == (local, remote):
            [pid] = [pid for pid in server.workers if holds_socket(pid, inode)]
            return pid
    raise AssertionError("no such connection")


def holds_socket(pid: int, inode: str) -> bool:
    return any(target_of(file) == f"socket:[{inode}]" for file in Path(f"/proc/{pid}/fd").iterdir())


def target_of(file: Path) -> str | None:
    """Return what an open file of a process leads to, None if it was closed just now."""
    try:
        return str(file.readlink())
    except FileNotFoundError:
        return None


class Form(HTMLParser):
    """The fields of a page's forms, with the values that a browser would send."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self._select = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        name, value = given.get("name") or "", given.get("value") or ""
        if tag == "input" and name and given.get("type") != "submit":
            self.values[name] = value
        elif tag == "select":
            self._select = name
        elif tag == "option" and "selected" in given:
            self.values[self._select] = value


class Admin:
    """A browser that is logged in to the admin."""

    def __init__(self, service: Service) -> None:
        self._address = service.server.value_of("Dashboard").rstrip("/")
        self._browser: OpenerDirector = build_opener(HTTPCookieProcessor())
        page = self._send(
            "/admin/login/", username=ADMIN, password=service.password, next="/admin/"
        )
        assert "Site administration" in page or "/admin/logout/" in page

    def set(self, **settings: str) -> None:
        """Save runtime settings, which the page that follows repeats."""
        page = self._send(SWITCH, reason="a test", **settings)
        assert all(f"{name}: " in page for name in settings), page

    def stored_today(self) -> int:
        """Return how many events of websites were stored, as the home page shows it."""
        with self._browser.open(f"{self._address}/admin/") as response:
            result = re.search(r">Events</td>\s*<td[^>]*>([\d,]+)<", response.read().decode())
        assert result
        return int(result[1].replace(",", ""))

    def _send(self, path: str, **values: str) -> str:
        """Fill in the form of a page and send it; return the page that follows."""
        with self._browser.open(self._address + path) as response:
            return self._submit(path, response.read().decode(), **values)

    def _submit(self, path: str, page: str, **values: str) -> str:
        sent = urlencode(Form(page).values | values).encode()
        with self._browser.open(self._address + path, sent) as response:
            return str(response.read().decode())


def outcomes_of_all_workers(service: Service) -> set[str | None]:
    """Post an event to each worker; return what became of them."""
    return {service.post_event(connection).outcome for connection in service.links}


def stored_in_metrics(connection: Connection) -> float:
    """Return how many events were stored, as a worker reports it."""
    return in_metrics(connection, 'millrace_ingest_total{api="events",outcome="stored",reason=""}')


def waiting_in_metrics(connection: Connection) -> float:
    """Return how many rows wait for the analytics database, as a worker reports it."""
    return in_metrics(
        connection, 'millrace_write_waiting_rows{database="analytics",target="event"}'
    )


def in_metrics(connection: Connection, name: str) -> float:
    page = connection.send("GET", "/metrics").body.decode()
    result = re.search(rf"^{re.escape(name)} (\S+)$", page, re.MULTILINE)
    return float(result[1]) if result else 0


def test_two_workers_without_redis_do_not_start():
    with temporary_directory() as var_dir:
        said = startup_error(first_run_environment(var_dir) | {"WORKERS": "2"})
        assert not Path(var_dir, "postgres").exists()
    assert said == (
        "SystemCheckError: System check identified some issues:\n"
        "\n"
        "ERRORS:\n"
        "?: (config.E001) WORKERS is 2, but REDIS_URL is not set.\n"
        "\tHINT: One process counts rate limits in memory. Set REDIS_URL, or WORKERS=1."
    )


def test_both_workers_see_a_switch_in_time(service):
    admin = Admin(service)
    for value, outcome in (("false", "dropped; reason=kill_switch"), ("true", "stored")):
        assert outcome not in outcomes_of_all_workers(service)
        admin.set(events_enabled=value)
        saved = monotonic()
        while outcomes_of_all_workers(service) != {outcome}:
            assert monotonic() - saved < SEEN_SECONDS
        assert all(outcomes_of_all_workers(service) == {outcome} for _ in range(20))


def test_both_workers_count_rate_limits_together(service):
    links = service.links * 6
    responses = [service.log_in(connection).status for connection in links]
    assert responses == [200] * 10 + [429] * 2


def test_both_workers_count_the_failures_of_an_account_together(service):
    responses = [service.log_in(connection, "wrong").status for connection in service.links * 3]
    assert responses == [401] * 4 + [429] * 2
    assert {service.log_in(connection).status for connection in service.links} == {429}


def test_figures_of_tables_are_no_sums_over_workers(service):
    name = 'millrace_partitions_until_timestamp_seconds{table="analytics_event"}'
    [until] = {in_metrics(connection, name) for connection in service.links}
    assert 0 < until - time() < 365 * 86_400


def test_both_workers_serve_the_sum_of_their_metrics(service):
    one, other = service.links
    before = stored_in_metrics(one)
    for connection in [one] * 3 + [other] * 4:
        assert service.post_event(connection).outcome == "stored"
    assert stored_in_metrics(one) == stored_in_metrics(other) == before + 7


def test_of_a_killed_worker_only_its_counts_stay(service):
    one, other = service.links
    doomed = worker_of(one, service.server)
    assert service.post_event(one).outcome == "stored"
    stored = stored_in_metrics(other)
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        links = [link_to(doomed, service.server, stack) for _ in range(3)]
        with service.no_event_is_written() as is_one_being_written:
            asked = [pool.submit(service.post_event, links.pop())]
            wait_until(is_one_being_written)
            asked += [pool.submit(service.post_event, connection) for connection in links]
            wait_until(lambda: waiting_in_metrics(other) >= 2)
            os.kill(doomed, signal.SIGKILL)
            assert all(isinstance(each.exception(), ConnectionError) for each in asked)
    wait_until(lambda: len({*service.server.workers} - {doomed}) == 2)
    with ExitStack() as stack:
        for connection in links_to_all_workers(service.server, stack):
            assert waiting_in_metrics(connection) == 0
            assert stored_in_metrics(connection) == stored


def test_both_workers_add_to_the_same_counts(service):
    admin = Admin(service)
    before = admin.stored_today()
    for connection in service.links * 3:
        assert service.post_event(connection).outcome == "stored"
    wait_until(lambda: admin.stored_today() >= before + 6)


@pytest.mark.parametrize("outage", ["stopped", "frozen"])
def test_without_redis_requests_pass_and_afterwards_are_counted_again(service, outage):
    with getattr(service.redis, outage)():
        responses = [service.log_in(connection) for connection in service.links * 2]
        assert {response.status for response in responses} == {200}
        assert max(response.seconds for response in responses) < PROMPT_SECONDS
        assert {service.post_event(connection).outcome for connection in service.links} == {
            "stored"
        }
    service.redis.forget_all()
    responses = [service.log_in(connection).status for connection in service.links * 6]
    assert responses == [200] * 10 + [429] * 2
