"""`make bench`: what one server on this machine takes in, measured in one run.

Two workers, PostgreSQL, Redis and the load generator share the machine, so figures of different
machines, or of different hours, do not compare; the ratios within one run do. `--against PATH`
runs the server of another checkout beside this one, and loads the two in turn.
"""

import argparse
import os
import platform
from contextlib import ExitStack
from pathlib import Path
from statistics import mean

from tests.bench import company, generator, rates, storage
from tests.bench.bodies import BATCH
from tests.bench.figures import ratio, row
from tests.bench.subject import Subject, running
from tests.support.live_client import send_request

RECORDER_TURNS = 3
COLLECT_CLIENTS = 100
PAUSE_MS = 600  # of a client that sends as many events as a user may


def main() -> None:
    """Start the servers, load them, and print the figures."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--against", type=Path, metavar="PATH", help="another checkout")
    path = parser.parse_args().against
    with ExitStack() as stack:
        subject = stack.enter_context(running())
        other = stack.enter_context(running(path.resolve())) if path else None
        print(
            f"{os.cpu_count()} cores, Python {platform.python_version()}, 2 workers, "
            f"{rates.TURNS} turns of {rates.SECONDS} s, load by {generator.name()}\n"
        )
        found = rates.measure(subject, other)
        measure_storage(subject, found)
        measure_recorder(subject)
        measure_reads(subject)
        company.measure(subject)


def measure_storage(subject: Subject, found: dict[str, float]) -> None:
    """Compare rates with what PostgreSQL takes in by itself, and print sizes of rows."""
    database = subject.databases["analytics"]
    raw = storage.rows_per_second_by_copy(database)
    row("rows/s by raw COPY", raw, f"the same rows, {BATCH} a commit, one connection")
    ratio("batches / raw COPY", found["events/s in batches of 100"] / raw)
    row("bytes per event, with indexes", storage.bytes_per_event(database))
    row("bytes per collected event", storage.bytes_per_collected_event(database))


def measure_recorder(subject: Subject) -> None:
    """Post with the recorder of requests on and off in turn, and print the ratio."""
    singles = rates.kinds_of(subject)[0]
    found: dict[str, list[float]] = {"true": [], "false": []}
    for text in ("true", "false") * RECORDER_TURNS:
        subject.manage("settings", f"activity_enabled={text}")
        rates.post(subject, singles, seconds=2)  # until every process has noticed
        found[text].append(rates.post(subject, singles).per_second)
    subject.manage("settings", "activity_enabled=true")
    ratio("recorder on / off", mean(found["true"]) / mean(found["false"]), "single posts")


def measure_reads(subject: Subject) -> None:
    """Time the statistics of the platform, and collect at the pace that its limit allows."""
    path = "/api/v1/analytics/stats"
    seconds = sorted(
        send_request(subject.port, "GET", path, token=subject.token).seconds for _ in range(100)
    )
    row("ms for platform statistics", seconds[50] * 1000, f"p99 {seconds[98] * 1000:.1f} ms, idle")
    collect = rates.kinds_of(subject)[-1]
    load = generator.post(
        *(subject.url(collect.path), collect.bodies),
        connections=COLLECT_CLIENTS,
        seconds=rates.SECONDS,
        cookies=collect.cookies,
        pause_ms=PAUSE_MS,
    )
    remark = f"100 events a minute each; p99 {load.p99_ms:.1f} ms"
    row(f"ms for collect, {COLLECT_CLIENTS} clients", load.mean_ms, remark)


if __name__ == "__main__":
    main()
