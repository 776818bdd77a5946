"""The two databases: whether they answer, which PostgreSQL it is, its clock and its sessions."""

import time
from typing import Any

from django.db import OperationalError, connections

from analytics.doctor.checks import Finding, check_of_each_database, fail, ok, said, warn
from config.db.routers import (
    ANALYTICS,
    MAIN,
)
from config.server.console import duration
from config.server.serving import connections_wanted

VERSIONS = range(15, 19)
SLOW_MS = 100
SKEW_SECONDS, BAD_SKEW_SECONDS = 1.0, 60.0
LONG_SECONDS = 300


@check_of_each_database("answer")
def answers(alias: str) -> Finding:
    """Ask for nothing, and take the time."""
    try:
        _row(alias, "SELECT 1")  # connects
    except OperationalError as error:
        variable = "DATABASE_URL" if alias == MAIN else "ANALYTICS_DATABASE_URL"
        return fail(said(error), f"Start it, let this host in, or set {variable} right.")
    begun = time.perf_counter()
    _row(alias, "SELECT 1")
    took = (time.perf_counter() - begun) * 1000
    found = f"within {took:.1f} ms"
    if took < SLOW_MS:
        return ok(found)
    return warn(found, "Each event waits for its commit that long: look at the network and load.")


@check_of_each_database("version")
def version(alias: str) -> Finding:
    """Compare the version of the server with those that the tests run on."""
    [number] = _row(alias, "SELECT current_setting('server_version_num')::int")
    [name] = _row(alias, "SELECT current_setting('server_version')")
    found = f"PostgreSQL {name}"
    if number // 10_000 < VERSIONS.start:
        return fail(found, f"Upgrade it to {VERSIONS[-1]}; {VERSIONS.start} is the oldest.")
    if number // 10_000 not in VERSIONS:
        return warn(found, f"Nobody has tried one after {VERSIONS[-1]}.")
    return ok(found)


@check_of_each_database("clock")
def clock(alias: str) -> Finding:
    """Compare the clock of the server with that of this host."""
    _row(alias, "SELECT 1")
    before = time.time()
    [theirs] = _row(alias, "SELECT extract(epoch FROM clock_timestamp())::float8")
    after = time.time()
    skew = theirs - (before + after) / 2
    found = f"{abs(skew):.2f} s {'ahead of' if skew > 0 else 'behind'} this host"
    advice = "Event times and ids come from the hosts that serve: let all keep time by NTP."
    if abs(skew) >= BAD_SKEW_SECONDS:
        return fail(found, advice)
    return warn(found, advice) if abs(skew) >= SKEW_SECONDS else ok(found)


@check_of_each_database("connections")
def room_for_connections(alias: str) -> Finding:
    """Compare what the server allows, and what others use, with what this host may ask for."""
    most, reserved, others = _row(
        alias,
        "SELECT current_setting('max_connections')::int, "
        "current_setting('superuser_reserved_connections')::int "
        "+ coalesce(current_setting('reserved_connections', true)::int, 0), "
        "(SELECT count(*) FROM pg_stat_activity "
        "WHERE backend_type = 'client backend' AND application_name <> 'millrace')",
    )
    aliases = 2 if _server(MAIN) == _server(ANALYTICS) else 1
    wanted = aliases * connections_wanted()
    free = most - reserved - others
    found = f"room for {free} of {most}, this host may ask for {wanted}"
    if free >= wanted:
        return ok(found)
    return warn(found, "Raise max_connections, or lower WORKERS or THREADS.")


@check_of_each_database("transactions")
def long_transactions(alias: str) -> Finding:
    """Look for transactions that have been open for minutes."""
    count, longest, pid = _row(
        alias,
        "SELECT count(*), "
        "coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8, "
        "(array_agg(pid ORDER BY xact_start))[1] FROM pg_stat_activity "
        "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() "
        f"AND xact_start < clock_timestamp() - interval '{LONG_SECONDS} s'",
    )
    if not count:
        return ok(f"none is older than {LONG_SECONDS // 60} minutes")
    return warn(
        f"{count} open for minutes, process {pid} for {duration(longest)}",
        "Nothing that they may see can be vacuumed, no month can be dropped: end them, or call "
        "pg_terminate_backend.",
    )


def _server(alias: str) -> tuple[Any, ...]:
    """Return what tells one server from another."""
    return _row(
        alias,
        "SELECT pg_postmaster_start_time(), inet_server_addr()::text, current_setting('port')",
    )


def _row(alias: str, query: str) -> tuple[Any, ...]:
    with connections[alias].cursor() as cursor:
        cursor.execute(query)
        row: tuple[Any, ...] = cursor.fetchone()
        return row
