"""What the benchmark prints, and what it measures in a database."""

from typing import Any

import psycopg

from tests.bench.generator import Load

Database = psycopg.Connection[tuple[Any, ...]]

SIZE_ROWS = 200_000


def times(load: Load) -> str:
    """Return how long answers took."""
    return f"p50 {load.p50_ms:.1f} ms, p99 {load.p99_ms:.1f} ms"


def row(name: str, figure: float, remark: str = "") -> None:
    """Print one figure."""
    print(f"{name:<34}{figure:>12,.{0 if figure >= 10 or figure == 0 else 2}f}  {remark}")


def size_of_row(database: Database) -> float:
    """Return the size of a row of the table bench_size with all indexes, and drop the table."""
    found = database.execute(
        "SELECT pg_total_relation_size('bench_size')::float / count(*) FROM bench_size"
    ).fetchone()
    database.execute("DROP TABLE bench_size")
    return float(found[0]) if found else 0.0
