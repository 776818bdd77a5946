"""What events weigh on disk, and how fast PostgreSQL alone takes them in"""

import time

from tests.bench.bodies import BATCH
from tests.bench.subject import Database

COPY_ROWS = 50_000
SIZE_ROWS = 200_000
REPEATS = 100  # of each collected event


def rows_per_second_by_copy(database: Database) -> float:
    """Return how fast rows of the event table go into a copy of it, 100 a transaction."""
    with database.cursor() as cursor:
        with cursor.copy(
            f"COPY (SELECT * FROM analytics_event LIMIT {COPY_ROWS}) TO STDOUT"
        ) as out:
            rows = [bytes(line) for line in out]
        cursor.execute("CREATE TABLE bench_copy (LIKE analytics_event INCLUDING ALL)")
        started = time.perf_counter()
        for start in range(0, len(rows), BATCH):
            with database.transaction(), cursor.copy("COPY bench_copy FROM STDIN") as copy:
                for line in rows[start : start + BATCH]:
                    copy.write(line)
        seconds = time.perf_counter() - started
        cursor.execute("DROP TABLE bench_copy")
    return len(rows) / seconds


def bytes_per_event(database: Database) -> float:
    """Return the size of an event on disk with all indexes, as sessions of five events have it.

    The load repeats its bodies, which would flatter indexes that store a repeated value once.
    """
    columns = "id, created_at, website_id, event_type, url, referrer"
    more = "device_type, browser, os, location, properties"
    month = database.execute("SELECT tableoid::regclass::text FROM analytics_event LIMIT 1")
    [partition] = month.fetchone() or [""]
    database.execute(f"CREATE TABLE bench_size (LIKE {partition} INCLUDING ALL)")
    database.execute(
        f"INSERT INTO bench_size ({columns}, session_id, visitor_id, {more}) "
        f"SELECT {columns}, 'sess-1769630400000-' || lpad(to_hex(n / 5), 9, '0'), "
        f"'vis-1769630400000-' || lpad(to_hex(n / 8), 9, '0'), {more} "
        f"FROM (SELECT *, row_number() OVER (ORDER BY id) n FROM analytics_event LIMIT %s) e",
        [SIZE_ROWS],
    )
    return _size_of_row(database)


def bytes_per_collected_event(database: Database) -> float:
    """Return the size of a collected event on disk with all indexes, every one with its own id."""
    database.execute("CREATE TABLE bench_size (LIKE analytics_collectedevent INCLUDING ALL)")
    database.execute(
        "INSERT INTO bench_size "
        "SELECT uuidv7(), created_at, received_at, user_id, event_type, event_data, ip_hash "
        "FROM (SELECT * FROM analytics_collectedevent LIMIT %s) e, generate_series(1, %s)",
        [SIZE_ROWS // REPEATS, REPEATS],
    )
    return _size_of_row(database)


def _size_of_row(database: Database) -> float:
    """Return the size of a row of the table bench_size with all indexes, and drop the table."""
    found = database.execute(
        "SELECT pg_total_relation_size('bench_size')::float / count(*) FROM bench_size"
    ).fetchone()
    database.execute("DROP TABLE bench_size")
    return float(found[0]) if found else 0.0
