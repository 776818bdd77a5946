"""A disk of 260 MB that posts fill, and then has room again: nothing is lost, never down"""

import http.client
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from analytics.ingest.spool.journal import Journal
from config.db.embedded_postgres import database_url
from tests.bench.figures import row
from tests.support.live_client import Connection, new_website, register
from tests.support.load import Load, load_on
from tests.support.migrated_data import ANALYTICS, first_run_on_migrated_data
from tests.support.processes import kill_all, temporary_directory, wait_until
from tests.support.redis_server import Redis
from tests.support.server import Server, production_environment, serving

FILL_SECONDS = 600
FULL_SECONDS = 20  # that posts go on against the full disk
CRASH_SECONDS = 20  # that PostgreSQL cannot be started
ENOUGH = 500  # events after there is room
METHODS = ("GET", "PUT", "DELETE")


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 260 MB."""
    with temporary_directory() as directory:
        directory.chmod(0o755)
        mount = ["mount", "-t", "tmpfs", "-o", "size=260m,mode=755", "tmpfs", str(directory)]
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
        if mounted.returncode:
            pytest.skip(f"No file system can be mounted here: {mounted.stderr.strip()}")
        try:
            yield directory
        finally:
            subprocess.run(["umount", "--lazy", str(directory)], check=True)


def test_what_was_acknowledged_is_there_and_the_service_is_never_down(small_disk):
    environment = first_run_on_migrated_data(small_disk / "var") | {"MAINTENANCE": "daily"}
    with serving(environment) as server, probing(server.port) as probes:
        code = new_website(server.port, register(server.port))
        with load_on(server.port, code) as load:
            fill(server, load)
            acknowledged = len(load.acknowledged)
            row("events of 260 MB until intake stops", acknowledged)
            row("  MB left", free(small_disk) / 1e6)
            time.sleep(FULL_SECONDS)
            row("  MB left after posts went on", free(small_disk) / 1e6)
            assert "PANIC" not in postgres_log(small_disk)
            with filled(small_disk):
                crash(small_disk)
                time.sleep(CRASH_SECONDS)
                assert status(server.port, "/health/ready") == 503
            remount = ["mount", "-o", "remount,size=700m", str(small_disk)]
            subprocess.run(remount, check=True)
            started = time.monotonic()
            wait_until(lambda: status(server.port, "/health/ready") == 200)
            row("seconds until it takes in again", time.monotonic() - started)
            load.wait_for_more(ENOUGH)
        journal = Journal(small_disk / "var" / "spool", max_bytes=0)
        wait_until(lambda: not journal.state().rows)
        load.assert_kept_once(database_url(small_disk / "var", ANALYTICS))
    row("probes of /health/live", len(probes))
    row("  the slowest, seconds", max(probes))
    assert "is full: with" in server.printed
    assert "PostgreSQL cannot be started now" in server.printed


def test_metrics_of_several_workers_end_none_of_them(small_disk, postgres):
    urls = {"main_url": postgres.main_url, "analytics_url": postgres.analytics_url}
    with Redis() as redis:
        environment = production_environment(small_disk / "var", **urls)
        environment |= {"WORKERS": "2", "REDIS_URL": redis.url}
        with serving(environment) as server:
            workers = set(server.workers)
            routes = [*json.loads(get(server.port, "/api/schema/?format=json"))["paths"]]
            with filled(small_disk):
                for method in METHODS:
                    ask_all(server.port, method, routes)
                assert set(server.workers) == workers
            row("routes and methods asked beside a full disk", len(METHODS) * len(routes))
            assert b"millrace_http_request_seconds_count" in get(server.port, "/metrics")
    assert "Metrics of this worker are not shown until it restarts" in server.printed


def ask_all(port: int, method: str, paths: list[str]) -> None:
    """Send requests to both workers, of which each path and method is a metric of its own."""
    for path in paths * 4:
        with Connection(port) as connection:
            connection.send(method, path)


def get(port: int, path: str) -> bytes:
    with Connection(port) as connection:
        return connection.send("GET", path).body


def fill(server: Server, load: Load) -> None:
    """Post until the service says that the disk is full, and refuses."""
    wait_until(lambda: "is full: with" in server.printed, seconds=FILL_SECONDS)
    load.wait_for_failure()
    assert status(server.port, "/health/ready") == 503


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Take the last byte of a disk for the time of a block."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        size = free(disk)
        while size >= os.sysconf("SC_PAGE_SIZE"):
            try:
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), size)
            except OSError:
                size //= 2
    try:
        yield
    finally:
        ballast.unlink()


def crash(disk: Path) -> None:
    """End PostgreSQL as by a panic; on the full disk it cannot recover."""
    pid_file = disk / "var" / "postgres" / "postmaster.pid"
    kill_all(int(pid_file.read_text().split()[0]))


def free(disk: Path) -> int:
    usage = os.statvfs(disk)
    return usage.f_bavail * usage.f_frsize


def postgres_log(disk: Path) -> str:
    return (disk / "var" / "postgres" / "server.log").read_text(errors="replace")


def status(port: int, path: str) -> int:
    with Connection(port) as connection:
        return connection.send("GET", path).status


@contextmanager
def probing(port: int) -> Iterator[list[float]]:
    """Probe /health/live all the time; give the seconds of each response, of which all are 200."""
    seconds: list[float] = []
    failures: list[object] = []
    is_over = threading.Event()

    def probe() -> None:
        while not is_over.wait(0.2):
            started = time.monotonic()
            try:
                found = status(port, "/health/live")
            except (OSError, http.client.HTTPException) as error:
                failures.append(error)
            else:
                seconds.append(time.monotonic() - started)
                if found != http.client.OK:
                    failures.append(found)

    thread = threading.Thread(target=probe)
    thread.start()
    try:
        yield seconds
    finally:
        is_over.set()
        thread.join()
    assert not failures, failures[:3]
