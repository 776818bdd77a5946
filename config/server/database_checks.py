"""Checks of both databases: response time, version, clock, connections, migrations."""

import time
from collections.abc import Iterable
from typing import Any

import humanize
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Warning
from django.db import OperationalError, connections

from config.db.routers import ANALYTICS, MAIN
from config.server.doctor import database_check, describe_error
from config.server.serving import connections_wanted, pending_migrations

VERSIONS = range(15, 19)
SLOW_MS = 100
SKEW_SECONDS, BAD_SKEW_SECONDS = 1.0, 60.0
LONG_SECONDS = 300
MAX_NAMED_MIGRATIONS = 3
DEFAULT_WAL, DEFAULT_BUFFERS, DEFAULT_TIMEOUT = 2**30, 2**27, 300
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
UTC_NAMES = {"UTC", "Etc/UTC", "GMT", "Etc/GMT", "Universal", "Zulu", "UCT"}
QUIET = {
    "log_error_verbosity": {"terse"},
    "log_min_error_statement": {"log", "fatal", "panic"},
    "log_statement": {"none", "ddl"},
    "log_min_duration_statement": {"-1"},
    "log_min_duration_sample": {"-1"},
    "log_parameter_max_length_on_error": {"0"},
}
TUNING = (
    "PostgreSQL's defaults are for tiny machines: set max_wal_size = 8GB, checkpoint_timeout = "
    "30min, wal_compression = on and shared_buffers = a quarter of its memory."
)


@database_check("answer", 201)
def response_time(alias: str) -> CheckMessage:
    """Check that a database responds, and how fast once it is connected."""
    try:
        fetch_row(alias, "SELECT 1")  # connects
    except OperationalError as error:
        variable = "DATABASE_URL" if alias == MAIN else "ANALYTICS_DATABASE_URL"
        hint = f"Start it, let this host in, or set {variable} right."
        return Error(describe_error(error), hint=hint)
    start = time.perf_counter()
    fetch_row(alias, "SELECT 1")
    elapsed_ms = (time.perf_counter() - start) * 1000
    found = f"within {elapsed_ms:.1f} ms"
    if elapsed_ms < SLOW_MS:
        return Info(found)
    hint = "Each event waits for its commit that long: look at the network and load."
    return Warning(found, hint=hint)


@database_check("version", 203)
def version(alias: str) -> CheckMessage:
    """Check that the tests run on this version of PostgreSQL."""
    number, name = fetch_row(
        alias,
        "SELECT current_setting('server_version_num')::int, current_setting('server_version')",
    )
    found = f"PostgreSQL {name}"
    if number // 10_000 < VERSIONS.start:
        hint = f"Upgrade it to {VERSIONS[-1]}; {VERSIONS.start} is the oldest."
        return Error(found, hint=hint)
    if number // 10_000 not in VERSIONS:
        return Warning(found, hint=f"Nobody has tried one after {VERSIONS[-1]}.")
    return Info(found)


@database_check("clock", 205)
def clock(alias: str) -> CheckMessage:
    """Compare the clock of the server with that of this host."""
    fetch_row(alias, "SELECT 1")  # connects
    before = time.time()
    [server_time] = fetch_row(alias, "SELECT extract(epoch FROM clock_timestamp())::float8")
    skew = server_time - (before + time.time()) / 2
    found = f"{abs(skew):.2f} s {'ahead of' if skew > 0 else 'behind'} this host"
    hint = "Event times and ids come from the hosts that serve: let all keep time by NTP."
    if abs(skew) >= BAD_SKEW_SECONDS:
        return Error(found, hint=hint)
    return Warning(found, hint=hint) if abs(skew) >= SKEW_SECONDS else Info(found)


@database_check("connections", 207)
def free_connections(alias: str) -> CheckMessage:
    """Compare the connections that the server has left with those that this host may open."""
    most, reserved, others = fetch_row(
        alias,
        "SELECT current_setting('max_connections')::int, "
        "current_setting('superuser_reserved_connections')::int "
        "+ coalesce(current_setting('reserved_connections', true)::int, 0), "
        "(SELECT count(*) FROM pg_stat_activity "
        "WHERE backend_type = 'client backend' AND application_name <> 'millrace')",
    )
    aliases = 2 if _server_identity(MAIN) == _server_identity(ANALYTICS) else 1
    wanted = aliases * connections_wanted()
    free = most - reserved - others
    found = f"room for {free} of {most}, this host may ask for {wanted}"
    if free >= wanted:
        return Info(found)
    return Warning(found, hint="Raise max_connections, or lower WORKERS or DB_CONNECTIONS.")


@database_check("transactions", 209)
def long_transactions(alias: str) -> CheckMessage:
    """Look for transactions that have been open for minutes."""
    count, longest, pid = fetch_row(
        alias,
        "SELECT count(*), "
        "coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8, "
        "(array_agg(pid ORDER BY xact_start))[1] FROM pg_stat_activity "
        "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() "
        f"AND xact_start < clock_timestamp() - interval '{LONG_SECONDS} s'",
    )
    if not count:
        return Info(f"none is older than {LONG_SECONDS // 60} minutes")
    return Warning(
        f"{count} open for minutes, process {pid} for {humanize.precisedelta(round(longest))}",
        hint="Nothing that they may see can be vacuumed, no month can be dropped: end them, or "
        "call pg_terminate_backend.",
    )


@database_check("settings", 211)
def server_settings(alias: str) -> CheckMessage:
    """Look for PostgreSQL's own defaults, with which a stream of commits is a quarter slower."""
    *texts, wal, buffers, timeout = fetch_row(
        alias,
        "SELECT current_setting('max_wal_size'), current_setting('shared_buffers'), "
        "current_setting('checkpoint_timeout'), pg_size_bytes(current_setting('max_wal_size')), "
        "pg_size_bytes(current_setting('shared_buffers')), "
        "extract(epoch FROM current_setting('checkpoint_timeout')::interval)::bigint",
    )
    found = "max_wal_size {}, shared_buffers {}, checkpoint_timeout {}".format(*texts)
    are_larger = wal > DEFAULT_WAL and buffers > DEFAULT_BUFFERS and timeout > DEFAULT_TIMEOUT
    if are_larger or settings.EMBEDDED:  # that one has what the machine allows
        return Info(found)
    return Warning(found, hint=TUNING)


@database_check("durability", 213)
def durability(alias: str) -> CheckMessage:
    """Check that what is committed survives a crash of the server."""
    values = _settings(alias, NOT_DURABLE)
    found = ", ".join(f"{name} {value}" for name, value in values.items())
    if all(value != NOT_DURABLE[name] for name, value in values.items()):
        return Info(found)
    return Error(found, hint="Events that were answered as stored may be lost: turn it on.")


@database_check("encoding", 215)
def encoding(alias: str) -> CheckMessage:
    """Check that every text can be stored."""
    [name] = fetch_row(alias, "SELECT current_setting('server_encoding')")
    if name == "UTF8":
        return Info(name)
    return Error(name, hint="Some events cannot be stored: dump it, and restore it as UTF8.")


@database_check("time zone", 217)
def time_zone(alias: str) -> CheckMessage:
    """Check that people who ask the database see the times that this service shows."""
    # This session has its own.
    [name] = fetch_row(alias, "SELECT reset_val FROM pg_settings WHERE name = 'TimeZone'")
    if name in UTC_NAMES:
        return Info(name)
    hint = (
        "psql and dates without a zone mean another day: ALTER DATABASE ... SET timezone = 'UTC'."
    )
    return Warning(name, hint=hint)


@database_check("log", 219)
def server_log(alias: str) -> CheckMessage:
    """Look for settings by which the server's log repeats rows, statements or values."""
    values = _settings(alias, QUIET)
    loud = [f"{name} {value}" for name, value in values.items() if value not in QUIET[name]]
    if not loud:
        return Info("repeats no values")
    hint = (
        "Its log may hold personal data of rows and statements: ALTER DATABASE ... SET "
        "log_error_verbosity = 'terse', log_min_error_statement = 'panic', and the defaults of "
        "the others."
    )
    return Warning(", ".join(loud), hint=hint)


@database_check("migrations", 401)
def migrations(alias: str) -> CheckMessage:
    """Name the migrations that `migrate` would apply."""
    names = pending_migrations(alias)
    if not names:
        return Info("all are made")
    unnamed = len(names) - MAX_NAMED_MIGRATIONS
    more = [f"{unnamed} more"] if unnamed > 0 else []
    return Error(
        ", ".join(names[:MAX_NAMED_MIGRATIONS] + more),
        hint=f"Run: python manage.py migrate --database {alias}",
    )


def fetch_row(alias: str, query: str) -> tuple[Any, ...]:
    """Return the first row of a query."""
    with connections[alias].cursor() as cursor:
        cursor.execute(query)
        row: tuple[Any, ...] = cursor.fetchone()
        return row


def _settings(alias: str, names: Iterable[str]) -> dict[str, str]:
    """Return settings of the server by their names."""
    names = list(names)
    asked = ", ".join(f"current_setting('{name}')" for name in names)
    return dict(zip(names, fetch_row(alias, f"SELECT {asked}"), strict=True))


def _server_identity(alias: str) -> tuple[Any, ...]:
    """Return what is equal for two databases of one server only."""
    return fetch_row(
        alias,
        "SELECT pg_postmaster_start_time(), inet_server_addr()::text, current_setting('port')",
    )
