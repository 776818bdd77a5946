"""Parquet files, by pyarrow, which production does not install by itself"""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from analytics.moving.files import BOMB, FREE_BYTES, MAX_LINE_BYTES, MAX_RATIO
from analytics.moving.formats import NAMES, columns_of
from analytics.moving.records import UnreadableFile

GROUP_ROWS = 50_000  # that are in memory at a time
READ_ROWS = 5_000
BUFFER_BYTES = 1 << 20
FREE_CHUNK_BYTES = 64 << 20  # of a column of a row group, beyond which it must have its own bytes
SLICE_BYTES = 16 << 20  # of texts that become objects of Python at a time
ROW_BYTES = 16  # as which a row counts, however empty
TIME = "createdAt"


class NoPyarrow(Exception):
    """pyarrow is not installed."""

    def __init__(self) -> None:
        super().__init__("Parquet needs pyarrow, which is not installed: pip install pyarrow")


def require() -> Any:
    """Return pyarrow; raises NoPyarrow."""
    try:
        import pyarrow
        import pyarrow.compute
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
        names = _text_columns(path, pyarrow.parquet.read_schema(path))
        with pyarrow.parquet.ParquetFile(
            path, read_dictionary=names, buffer_size=BUFFER_BYTES, pre_buffer=False
        ) as file:
            _require_size(path, file.metadata)
            number = 0
            for batch in _slices(path, file.iter_batches(READ_ROWS, columns=names)):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}, row {number}", row
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        reason = str(error).partition("\n")[0]
        raise UnreadableFile(f"{path} is no Parquet file, or damaged: {reason}") from error


def _text_columns(path: str, schema: Any) -> list[str]:
    """Return the columns of events in a file; raises UnreadableFile for one of no text or time."""
    types = require().types
    names = [name for name in NAMES if name in schema.names]
    for name in names:
        if schema.names.count(name) > 1:
            raise UnreadableFile(f"{path} has a column twice.")
        type = schema.field(name).type
        text = type.value_type if types.is_dictionary(type) else type
        if not any(
            each(text)
            for each in (types.is_string, types.is_large_string, types.is_timestamp, types.is_null)
        ):
            raise UnreadableFile(f"{path}: {name} is of the type {type}; write it as text.")
    return names


def _require_size(path: str, metadata: Any) -> None:
    """Refuse chunks of few bytes that unpack to many; raises UnreadableFile."""
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for chunk in map(group.column, range(group.num_columns)):
            free = min(FREE_CHUNK_BYTES, MAX_LINE_BYTES * max(chunk.num_values, 1))
            if chunk.total_uncompressed_size > free + MAX_RATIO * chunk.total_compressed_size:
                raise UnreadableFile(BOMB.format(path=path))


def _slices(path: str, batches: Iterator[Any]) -> Iterator[Any]:
    """Yield the rows in slices whose texts fit into memory: equal ones are in a file once."""
    read, most = 0, FREE_BYTES + MAX_RATIO * Path(path).stat().st_size
    for batch in batches:
        columns = [_comparable(column) for column in batch.columns]
        sizes = [_text_bytes(column) for column in columns]
        read += sum(size for size, _ in sizes) + ROW_BYTES * batch.num_rows
        if read > most:
            raise UnreadableFile(BOMB.format(path=path))
        rows = max(1, SLICE_BYTES // max(sum(longest for _, longest in sizes), 1))
        for start in range(0, batch.num_rows, rows):
            some = [_plain(column.slice(start, rows)) for column in columns]
            yield require().RecordBatch.from_arrays(some, names=batch.schema.names)


def _plain(column: Any) -> Any:
    """Return a column that is quick to make objects of."""
    is_dictionary = require().types.is_dictionary(column.type)
    return column.dictionary_decode() if is_dictionary else column


def _comparable(column: Any) -> Any:
    """Return a column with times in microseconds, which Python's are in."""
    pyarrow = require()
    if pyarrow.types.is_timestamp(column.type):
        return column.cast(pyarrow.timestamp("us", column.type.tz), safe=False)
    return column


def _text_bytes(column: Any) -> tuple[int, int]:
    """Return how long the texts of a column are together, and the longest."""
    pyarrow = require()
    compute = pyarrow.compute
    if pyarrow.types.is_dictionary(column.type):
        lengths = compute.binary_length(column.dictionary).take(column.indices)
    elif pyarrow.types.is_string(column.type) or pyarrow.types.is_large_string(column.type):
        lengths = compute.binary_length(column)
    else:
        return 0, 0
    return compute.sum(lengths).as_py() or 0, compute.max(lengths).as_py() or 0


def text_of(value: Any) -> Any:
    """Return a value of a column as the API takes it: times as texts."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or UTC).isoformat(timespec="milliseconds")
    return value
