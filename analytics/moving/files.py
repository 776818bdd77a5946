"""Lines and rows of files that may be packed, broken or hostile, in little memory"""

import csv
import gzip
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from analytics.moving.records import BrokenLine, UnreadableFile

MAX_LINE_BYTES = 4 << 20
MAX_CELL = 1 << 20  # characters
MAX_ROW_BYTES = 8 << 20  # of a row of CSV with its line breaks
MAX_RATIO = 300  # of what is packed, beyond the first gigabyte: logs reach a hundredth
FREE_BYTES = 1 << 30
BOMB = "{path} unpacks to far more than any real file: a bomb?"
# What unpacking raises of bytes that are none of its own.
DAMAGED = (
    *(EOFError, OSError, RuntimeError, ValueError, struct.error),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile),
)
GZIP, ZIP, PG_DUMP, UTF_16 = b"\x1f\x8b", b"PK\x03\x04", b"PGDMP", (b"\xff\xfe", b"\xfe\xff")
BOM = b"\xef\xbb\xbf"


class Lines:
    """The lines of a file as text, each with its number; a broken one raises BrokenLine.

    An iterator that goes on after that, as no generator would.
    """

    def __init__(self, path: str, file: BinaryIO, packed: Callable[[], int] | None = None) -> None:
        self.path, self.number = path, 0
        self._file, self._packed, self.bytes = file, packed, 0

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        line = self._read()
        if not line:
            raise StopIteration
        self.number += 1
        if self.number == 1:
            line = line.removeprefix(BOM)
        if len(line) > MAX_LINE_BYTES:
            self._skip_rest(line)
            raise BrokenLine(f"Longer than {MAX_LINE_BYTES:,} bytes")
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            raise BrokenLine("Not UTF-8") from error

    def placed(self) -> Iterator[tuple[str, str | BrokenLine]]:
        """Yield each line with its place, and what is wrong with a broken one."""
        while True:
            try:
                line = next(self)
            except StopIteration:
                return
            except BrokenLine as error:
                yield self.place, error
            else:
                yield self.place, line

    @property
    def place(self) -> str:
        return place_of(self.path, self.number)

    def _read(self) -> bytes:
        try:
            line = self._file.readline(MAX_LINE_BYTES + 1)
        except DAMAGED as error:
            raise UnreadableFile(f"{self.path} is damaged after line {self.number:,}.") from error
        self.bytes += len(line)
        if self._packed and self.bytes > FREE_BYTES + MAX_RATIO * self._packed():
            raise UnreadableFile(BOMB.format(path=self.path))
        return line

    def _skip_rest(self, line: bytes) -> None:
        while line and not line.endswith(b"\n"):
            line = self._read()


@contextmanager
def lines_of(path: str) -> Iterator[Lines]:
    """Open a text file, which may be packed by gzip."""
    with _opened(path) as file:
        start = file.read(8)
        file.seek(0)
        if start.startswith(UTF_16):
            raise UnreadableFile(f"{path} is in UTF-16; write it as UTF-8.")
        if start.startswith(GZIP):
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield Lines(path, unpacked, file.tell)  # type: ignore[arg-type]
        elif start.startswith(ZIP):
            raise UnreadableFile(f"{path} is a zip file, which is not expected here.")
        elif start.startswith(PG_DUMP):
            raise UnreadableFile(
                f"{path} is in the custom format of pg_dump; make text of it: "
                f"pg_restore --data-only --file dump.sql {path}"
            )
        else:
            yield Lines(path, file)


@contextmanager
def members_of(path: str) -> Iterator[list[tuple[str, Callable[[], Lines]]]]:
    """Open a zip file; yield its members with their names, each to be opened in turn."""
    with _opened(path) as file:
        try:
            archive = zipfile.ZipFile(file)
        except DAMAGED as error:
            raise UnreadableFile(f"{path} is no zip file, or damaged.") from error
        yield [
            (Path(each.filename).name, _opener(path, archive, each))
            for each in archive.infolist()
            if not each.filename.endswith("/")
        ]


def _opener(path: str, archive: zipfile.ZipFile, each: zipfile.ZipInfo) -> Callable[[], Lines]:
    def opened() -> Lines:
        name = f"{path}/{each.filename}"
        if each.file_size > FREE_BYTES + MAX_RATIO * each.compress_size:
            raise UnreadableFile(BOMB.format(path=name))
        try:
            member = archive.open(each)
        except DAMAGED as error:
            raise UnreadableFile(f"{name} cannot be unpacked: {error}") from error
        return Lines(name, member)  # type: ignore[arg-type]

    return opened


class _RowLines:
    """The lines of a row of CSV, whose cells may have line breaks, but not for ever."""

    def __init__(self, lines: Lines) -> None:
        self._lines, self._end = lines, 0

    def __iter__(self) -> "_RowLines":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        if self._lines.bytes > self._end:
            raise BrokenLine(f"A row of more than {MAX_ROW_BYTES:,} bytes")
        return line

    def begin(self) -> None:
        self._end = self._lines.bytes + MAX_ROW_BYTES


def rows_of(lines: Lines) -> Iterator[tuple[str, list[str] | BrokenLine]]:
    """Yield the rows of a CSV file, each with its place; a cell may have several lines."""
    csv.field_size_limit(MAX_CELL)
    row_lines = _RowLines(lines)
    reader = csv.reader(row_lines, strict=True)
    while True:
        first = lines.number + 1
        row_lines.begin()
        try:
            row = next(reader, None)
            if row is None:
                return
            if row:
                yield place_of(lines.path, first), row
        except csv.Error as error:
            yield place_of(lines.path, first), BrokenLine(f"Invalid CSV: {error}")
        except BrokenLine as error:
            yield place_of(lines.path, first), error


def dicts_of(
    lines: Lines, required: set[str], *, names_of: Callable[[list[str]], list[str]] = list
) -> Iterator[tuple[str, dict[str, str] | BrokenLine]]:
    """Yield the rows of a CSV file by the names in its first row; raises UnreadableFile.

    names_of: returns the names that are meant by those of the file.
    """
    rows = rows_of(lines)
    place, header = next(rows, (lines.path, BrokenLine("It is empty")))
    if isinstance(header, BrokenLine):
        raise UnreadableFile(f"{place}: {header}.")
    header = names_of(header)
    if len({*header}) < len(header):
        raise UnreadableFile(f"{lines.path} has a column twice.")
    if missing := sorted(required - {*header}):
        raise UnreadableFile(f"{lines.path} has no column {', '.join(missing)}.")
    for place, row in rows:
        if isinstance(row, list) and len(row) != len(header):
            yield place, BrokenLine(f"{len(row)} cells instead of {len(header)}")
        else:
            yield place, row if isinstance(row, BrokenLine) else dict(zip(header, row, strict=True))


def place_of(path: str, number: int) -> str:
    return f"{path}:{number}"


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    try:
        file = Path(path).open("rb")  # noqa: SIM115 - only its own errors are of this kind
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}.") from error
    with file:
        yield file
