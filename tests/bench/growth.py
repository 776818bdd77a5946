"""`python -m tests.bench.growth`: what each kind of work costs as the number of events grows.

For each number it makes a website with so many events in 30 days, and measures seconds of CPU, of
the service and of PostgreSQL together, which depend less than times on what else the machine does.
"""

import argparse
import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from tests.bench.bodies import BATCH, Events
from tests.bench.figures import row
from tests.bench.statistics.__main__ import Keys, ask, print_sizes, websites_of
from tests.bench.statistics.data import Data, Size
from tests.bench.statistics.questions import questions_of
from tests.support.live_client import Connection
from tests.support.processes import children, temporary_directory
from tests.support.server import Server

DAYS = 30
KEPT_DAYS = 10
SINGLES, BATCHES, TURNS = 3000, 300, 10
POSTED = SINGLES + BATCHES * BATCH
QUESTIONS = {"totals", "top 10 pages", "top 10 sources, one page", "dashboard"}
TICKS = os.sysconf("SC_CLK_TCK")


class Spent:
    """Seconds that a block took: of CPU, and by the clock."""

    cpu = 0.0
    clock = 0.0


def main() -> None:
    """Measure each number of events in databases of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth", description=__doc__)
    parser.add_argument("events", type=int, nargs="+")
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, 1 worker")
    for events in parser.parse_args().events:
        with temporary_directory() as directory:
            measure(Data(directory), Size(str(events), DAYS, datetime.now(UTC).date()))


def measure(data: Data, size: Size) -> None:
    """Print the costs at one number of events."""
    events = int(size.sites)
    print(f"\n{events:,} events, load {os.getloadavg()[0]:.0f}")
    data.prepare(size)
    print_sizes_of(data)
    with data.serving() as server:
        measure_posts(data, server)
        data.run("manage.py", "rollup")  # so that no question has to make sessions first
        measure_questions(data, server, size)
    with data.postgres():
        with spent(data) as rebuilding:
            data.run("manage.py", "rollup", "--rebuild")
            data.run("manage.py", "rollup")
        per_event = rebuilding.cpu / (events + POSTED) * 1e6
        row("rollup, all anew: us of CPU per event", per_event, f"{rebuilding.clock:.0f} s")
        data.run("manage.py", "settings", f"event_retention_days={KEPT_DAYS}", "--yes")
        with spent(data) as deleting:
            data.run("manage.py", "retention", "--yes")
        gone = events * (DAYS - KEPT_DAYS) / DAYS
        row("retention: us of CPU per event", deleting.cpu / gone * 1e6, f"{deleting.clock:.1f} s")


def print_sizes_of(data: Data) -> None:
    with data.postgres():
        print_sizes(data)


def measure_posts(data: Data, server: Server) -> None:
    """Print what single posts and batches cost, sent by one client."""
    bodies = Events(websites_of(server)[0]["trackingCode"])
    single = [bodies.event() for _ in range(SINGLES)]
    batches = [{"events": [bodies.event() for _ in range(BATCH)]} for _ in range(BATCHES)]
    for name, path, sent, number in (
        ("single posts", "/api/v1/events", single, SINGLES),
        ("batches of 100", "/api/v1/events/batch", batches, BATCHES * BATCH),
    ):
        with spent(data, server) as posting:
            send(server, path, sent)
        row(f"{name}: us of CPU per event", posting.cpu / number * 1e6)


def send(server: Server, path: str, bodies: Sequence[object]) -> None:
    with Connection(server.port) as connection:
        for body in bodies:
            status = connection.send("POST", path, body).status
            if status not in (201, 207):
                raise RuntimeError(f"{path}: {status}")


def measure_questions(data: Data, server: Server, size: Size) -> None:
    """Print what questions about the website cost, once its sessions are up to date."""
    keys = Keys.of(server)
    for question in questions_of(websites_of(server)[0], size):
        if question.name in QUESTIONS:
            with Connection(server.port) as connection:
                ask(connection, keys, question)
                with spent(data, server) as asking:
                    times = sorted(ask(connection, keys, question) for _ in range(TURNS))
            row(f"{question.name}: ms of CPU", asking.cpu / TURNS * 1e3, f"p50 {times[5]:.0f} ms")


@contextmanager
def spent(data: Data, server: Server | None = None) -> Iterator[Spent]:
    """Measure a block: PostgreSQL, the workers if there is a server, and commands that ended."""
    found, started, before = Spent(), monotonic(), cpu_seconds(data, server)
    yield found
    found.cpu = cpu_seconds(data, server) - before
    found.clock = monotonic() - started


def cpu_seconds(data: Data, server: Server | None) -> float:
    """Return the seconds of CPU until now, of commands that this process has run too."""
    postmaster = int((data.directory / "postgres" / "postmaster.pid").read_text().split()[0])
    pids = [postmaster, *children(postmaster), *(server.workers if server else [])]
    commands = os.times() if server is None else None
    own = commands.children_user + commands.children_system if commands else 0.0
    return own + sum(map(_seconds_of, pids))


def _seconds_of(pid: int) -> float:
    """Return the CPU time of a process and of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS


if __name__ == "__main__":
    main()
