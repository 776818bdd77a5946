"""`make bench-stats`: how long questions about websites take, of ten million events in 30 days.

One website has 4 M events, nine have 500,000, ninety have 17,000, and one more has two million
sessions. Beside the answers over HTTP are the same questions by SQL over the events alone. Cold:
the first request of a server and databases that were just started, their files out of the kernel's
memory. Warm: 20 more. With --data the databases stay in a directory, where a further run finds
them; else they are made for this run.
"""

import argparse
import math
import os
import platform
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import zip_longest
from pathlib import Path
from types import MappingProxyType
from typing import Self

import psycopg

from config.db.embedded_postgres import database_url
from tests.bench.figures import row
from tests.bench.statistics import made_sessions, raw_sql
from tests.bench.statistics.data import OWNER, Data, Size, token_of
from tests.bench.statistics.questions import Question, questions_of
from tests.support.live_client import Connection, sign_in
from tests.support.processes import temporary_directory
from tests.support.server import Server

SITES = "4000000,500000x9,17000x90"
DAYS = 30
TURNS = 20
MAX_SECONDS = 20  # of them
DERIVED = (
    *("analytics_websitesession", "analytics_websitevisitor", "analytics_breakdown"),
    *("analytics_visitorset", "analytics_daycolumn"),
    *("analytics_sealedday", "analytics_dirtyrange", "analytics_eventtotal"),
)


@dataclass(frozen=True, slots=True)
class Keys:
    """What the owner of the websites shows: a token, and as a browser a cookie."""

    token: str
    cookie: str

    @classmethod
    def of(cls, server: Server) -> Self:
        return cls(token_of(server), sign_in(server.port, OWNER))


def main() -> None:
    """Generate the events unless they are there, ask, and print the figures."""
    parser = argparse.ArgumentParser(prog="make bench-stats", description=__doc__)
    parser.add_argument("--data", type=Path, metavar="PATH", help="where the databases stay")
    parser.add_argument("--sites", default=SITES, help=f"as of tests.traffic; default: {SITES}")
    parser.add_argument("--rebuild", action="store_true", help="derive everything anew")
    options = parser.parse_args()
    with ExitStack() as stack:
        directory = options.data or stack.enter_context(temporary_directory())
        directory.mkdir(parents=True, exist_ok=True)
        data = Data(directory.resolve())
        print(f"{os.cpu_count()} cores, Python {platform.python_version()}, 1 worker\n")
        if data.size is None:
            data.prepare(Size(options.sites, DAYS, datetime.now(UTC).date()))
        elif options.rebuild:
            data.rebuild()
        size = data.size or Size(options.sites, DAYS, date.today())
        made_sessions.prepare(data, size)
        measure(data, size)


def measure(data: Data, size: Size) -> None:
    """Print sizes, then the times of each question about a large and a middle website."""
    with data.postgres():
        print_sizes(data)
    with data.serving() as server:
        sites = websites_of(server)
    large, *others = [site for site in sites if site["name"] != made_sessions.NAME]
    [sessions] = [site for site in sites if site["name"] == made_sessions.NAME]
    questions = questions_of(large, size)
    cold = [milliseconds_cold(data, question) for question in questions]
    with data.serving() as server:
        raw = raw_sql.milliseconds_of(data, size, large["id"])
        print_times(server, large["name"], questions, raw, cold)
        for website in others[:1]:
            questions = questions_of(website, size)
            raw = raw_sql.milliseconds_of(data, size, website["id"])
            print_times(server, website["name"], questions, raw)
        print_times(server, "2,000,000 sessions", questions_of(sessions, size, made_sessions.PAGE))


def print_times(
    server: Server,
    name: str,
    questions: Sequence[Question],
    raw: Mapping[str, float] = MappingProxyType({}),
    cold: Sequence[float] = (),
) -> None:
    """Ask again and again; print how long each answer took."""
    print(f"\n{name + ', ms':<46}{'cold':>9}{'p50':>9}{'p95':>9}{'raw SQL':>10}")
    for question, first in zip_longest(questions, cold):
        times = milliseconds_warm(server, question)
        p50, p95 = times[len(times) // 2], times[len(times) * 95 // 100]
        before = f"{first:,.0f}" if first else ""
        beside = f"{raw[question.raw]:,.0f}" if question.raw in raw else ""
        print(f"{question.name:<46}{before:>9}{p50:>9,.1f}{p95:>9,.1f}{beside:>10}", flush=True)


def websites_of(server: Server) -> list[dict[str, str]]:
    """Return the websites, in the order in which they were made."""
    found: list[dict[str, str]] = []
    with Connection(server.port) as connection:
        token = token_of(server)
        response = connection.send("GET", "/api/v1/websites", token=token)
        found = response.json["websites"]
    return sorted(found, key=lambda website: (len(website["name"]), website["name"]))


def milliseconds_cold(data: Data, question: Question) -> float:
    """Return how long a question takes as the first one after a start."""
    data.drop_caches()
    with data.serving() as server, Connection(server.port) as connection:
        return ask(connection, Keys.of(server), question)


def milliseconds_warm(server: Server, question: Question) -> list[float]:
    """Return how long a question takes again and again, in ascending order."""
    times: list[float] = []
    with Connection(server.port) as connection:
        keys = Keys.of(server)
        ask(connection, keys, question)
        ends_at = time.monotonic() + MAX_SECONDS
        while len(times) < TURNS and (not times or time.monotonic() < ends_at):
            times.append(ask(connection, keys, question))
    return sorted(times)


def ask(connection: Connection, keys: Keys, question: Question) -> float:
    """Send a question; return the milliseconds until its answer was there, none if it took 5 s."""
    secret = {"cookie": keys.cookie} if question.is_page else {"token": keys.token}
    response = connection.send("GET", question.path, **secret)
    if response.status == 503:
        return math.inf
    if response.status != 200:
        raise RuntimeError(f"{question.name}: {response.status} {response.body!r}")
    return response.seconds * 1000


def print_sizes(data: Data) -> None:
    """Print the bytes of events, and of what is derived of them."""
    url = database_url(data.directory, "millrace_analytics")
    with psycopg.connect(url, autocommit=True) as database:
        counts = database.execute("SELECT sum(events) FROM analytics_eventtotal").fetchone()
        events = int(counts[0] or 0) if counts else 0
        row("events", events)
        row("bytes per event, with indexes", _bytes(database, "analytics_event") / (events or 1))
        derived = {table: _bytes(database, table) / (events or 1) for table in DERIVED}
        row("bytes per event, of all that is derived", sum(derived.values()))
        for table, size in derived.items():
            row(f"  {table.removeprefix('analytics_')}", size)


def _bytes(database: psycopg.Connection[tuple[object, ...]], table: str) -> float:
    """Return the size of a table with its partitions and indexes."""
    statement = "SELECT sum(pg_total_relation_size(relid))::float FROM pg_partition_tree(%s)"
    plain = "SELECT pg_total_relation_size(%s::regclass)::float"
    for query in (statement, plain):
        found = database.execute(query, [table]).fetchone()
        if found and isinstance(found[0], float):
            return found[0]
    return 0.0


if __name__ == "__main__":
    main()
