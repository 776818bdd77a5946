"""How many requests of each kind a server takes a second, beside another checkout in turn"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.bench import bodies, generator
from tests.bench.figures import ratio, row, times
from tests.bench.generator import Load
from tests.bench.subject import Subject

SECONDS = 4
TURNS = 3


@dataclass(frozen=True, slots=True)
class Kind:
    """Requests of one kind.

    events: of one request.
    table: alias and name of where each request stores one row, for an API that answers 200
        whatever happens.
    """

    name: str
    path: str
    bodies: Sequence[bytes]
    connections: int = 16
    events: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Sequence[str] = ()
    table: tuple[str, str] | None = None


def kinds_of(subject: Subject) -> list[Kind]:
    """Return what is posted to a server."""
    singles, batches = subject.events.singles(2000), subject.events.batches(100)
    bearer = {"Authorization": f"Bearer {subject.token}"}
    track = "/api/v1/analytics"
    return [
        Kind("single posts/s, 16 connections", "/api/v1/events", singles),
        Kind("single posts/s, 64 connections", "/api/v1/events", singles, 64),
        Kind("events/s in batches of 100", "/api/v1/events/batch", batches, 8, bodies.BATCH),
        Kind(
            *("track posts/s", f"{track}/track", bodies.funnel_events(2000)),
            headers=bearer,
            table=("default", "analytics_funnelevent"),
        ),
        Kind(
            *("session posts/s", f"{track}/session", [bodies.SESSION]),
            headers={"User-Agent": bodies.BROWSER},
            table=("analytics", "analytics_session"),
        ),
        Kind(
            *("page view posts/s", f"{track}/pageview", bodies.page_views(subject.sessions)),
            headers={"User-Agent": bodies.BROWSER},
            table=("analytics", "analytics_pageview"),
        ),
        Kind("platform posts/s", track, bodies.platform_events(2000), headers=bearer),
        Kind(
            *("collect posts/s, 100 connections", "/api/analytics/collect"),
            *(bodies.interactions(2000), 100),
            cookies=subject.cookies,
        ),
    ]


def measure(subject: Subject, other: Subject | None) -> dict[str, float]:
    """Load each server in turn with each kind, print the figures; return rates by kind."""
    subjects = [subject, *([other] if other else [])]
    for each in subjects:
        post(each, kinds_of(each)[0], seconds=2)  # warm up
    rates: dict[str, float] = {}
    for kinds in zip(*map(kinds_of, subjects), strict=True):
        loads: list[list[Load]] = [[] for _ in subjects]
        for turn in range(TURNS):
            for index in range(len(subjects)) if turn % 2 == 0 else range(len(subjects))[::-1]:
                loads[index].append(post(subjects[index], kinds[index]))
        mine, *others = (rate(found) * kinds[0].events for found in loads)
        rates[kinds[0].name] = mine
        row(kinds[0].name, mine, times(*loads[0]))
        if others:
            row("  of the other checkout", others[0], times(*loads[1]))
            ratio("  ratio", mine / others[0])
    return rates


def rate(loads: Sequence[Load]) -> float:
    """Return the middle of the rates of some loads."""
    return median(load.per_second for load in loads)


def post(
    subject: Subject, kind: Kind, *, seconds: int = SECONDS, connections: int | None = None
) -> Load:
    """Load a server for a while; raise RuntimeError if a request failed or stored nothing."""
    before = subject.rows(*kind.table) if kind.table else 0
    load = generator.post(
        subject.url(kind.path),
        kind.bodies,
        connections=connections or kind.connections,
        seconds=seconds,
        headers=kind.headers,
        cookies=kind.cookies,
    )
    stored = subject.rows(*kind.table) - before if kind.table else load.requests
    if load.failed or stored < load.requests:
        raise RuntimeError(f"{kind.name}: {load.failed} failed, {stored} of {load.requests} stored")
    return load
