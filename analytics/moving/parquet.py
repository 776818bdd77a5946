"""Parquet files, by pyarrow, which production does not install by itself"""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from analytics.moving.formats import NAMES, columns_of
from analytics.moving.records import UnreadableFile

GROUP_ROWS = 50_000  # that are in memory at a time
READ_ROWS = 5_000
TIME = "createdAt"


class NoPyarrow(Exception):
    """pyarrow is not installed."""

    def __init__(self) -> None:
        super().__init__("Parquet needs pyarrow, which is not installed: pip install pyarrow")


def require() -> Any:
    """Return pyarrow; raises NoPyarrow."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise NoPyarrow from error
    return pyarrow


def write(path: str, source: str) -> None:
    """Write a Parquet file of events that another file has as lines of JSON."""
    pyarrow = require()
    types = {name: pyarrow.string() for name in NAMES} | {TIME: pyarrow.timestamp("ms", "UTC")}
    schema = pyarrow.schema(types.items())
    with (
        open(source, "rb") as lines,
        pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer,
    ):
        while some := list(islice(lines, GROUP_ROWS)):
            columns = columns_of(some)
            columns[TIME] = [datetime.fromisoformat(text) for text in columns[TIME]]
            writer.write_table(pyarrow.table(columns, schema))


def read(path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows of a Parquet file, each with its place; raises UnreadableFile."""
    pyarrow = require()
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            names = [name for name in NAMES if name in file.schema_arrow.names]
            number = 0
            for batch in file.iter_batches(READ_ROWS, columns=names):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}, row {number}", row
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        reason = str(error).partition("\n")[0]
        raise UnreadableFile(f"{path} is no Parquet file, or damaged: {reason}") from error


def text_of(value: Any) -> Any:
    """Return a value of a column as the API takes it: times as texts."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or UTC).isoformat(timespec="milliseconds")
    return value
