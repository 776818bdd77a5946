"""A file on its way: what is written stays, and the next run goes on from there

`<file>.part` has the lines, `<file>.progress` how many bytes of them are whole and where the next
begin. Both go when the file is complete. A Parquet file, to which nothing can be added, is made of
lines of JSON at the end.
"""

import fcntl
import gzip
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self
from uuid import UUID

import msgspec

from analytics.moving import export, formats, parquet
from analytics.moving.formats import JSON_LINES, PACKED, PARQUET
from config.db import uuid7


class FileInTheWay(Exception):
    """The file cannot be written; the message says why."""


class Progress(msgspec.Struct):
    """How far an export is: `low` is the first id that is missing."""

    website_id: UUID
    format: str
    start: UUID
    low: UUID
    high: UUID
    rows: int = 0
    bytes: int = 0

    def is_of(self, other: Self) -> bool:
        """Return whether this may go on to the end of another, which it has not passed."""
        own, others = (self.website_id, self.format, self.start), (other.website_id, other.format)
        return own == (*others, other.start) and self.low <= other.high


class ExportFile:
    """An export into a file; `progress` tells how far it is."""

    def __init__(self, path: str, format: str, website_id: UUID, low: UUID, high: UUID) -> None:
        self._format = JSON_LINES if format == PARQUET else format
        self.path, self.progress = path, Progress(website_id, self._format, low, low, high)
        self.is_resumed = False
        self._is_parquet = format == PARQUET
        self._is_packed = path.endswith(PACKED) and not self._is_parquet
        self._part, self._notes = Path(f"{path}.part"), Path(f"{path}.progress")

    def write(self) -> Generator[int, None, None]:
        """Write the events; yield how many each step has written. Raises FileInTheWay."""
        if os.path.lexists(self.path):
            raise FileInTheWay(f"{self.path} is there already.")
        with self._opened() as file:
            if not self.progress.bytes:
                self._append(file, formats.header(self._format))
            low, high = self.progress.low, self.progress.high
            for lines in export.pages(self.progress.website_id, low, high):
                self.progress.low = uuid7.next_after(lines[-1].id)
                self.progress.rows += len(lines)
                self._append(file, formats.encode(self._format, lines))
                yield len(lines)
            self._complete()

    def _append(self, file: BinaryIO, text: bytes) -> None:
        """Write some lines; note them once they are on the disk."""
        file.write(gzip.compress(text, 6, mtime=0) if self._is_packed else text)
        file.flush()
        os.fsync(file.fileno())
        self.progress.bytes = file.tell()
        self._note()

    def _note(self) -> None:
        following = Path(f"{self._notes}.new")
        following.write_bytes(msgspec.json.encode(self.progress))
        following.replace(self._notes)

    def _complete(self) -> None:
        if self._is_parquet:
            packed = Path(f"{self._part}.new")
            parquet.write(str(packed), str(self._part))
            packed.chmod(0o600)
            packed.replace(self.path)
            self._part.unlink()
        else:
            self._part.replace(self.path)
        self._notes.unlink()

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        """Open the part, for its owner alone, without what came after the last note."""
        try:
            number = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise FileInTheWay(f"{self._part} cannot be made: {error.strerror}.") from error
        with os.fdopen(number, "r+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise FileInTheWay(f"Another export is writing {self.path}.") from error
            self._resume(os.fstat(file.fileno()).st_size)
            self._note()  # before anything is written: what is there without a note is another's
            file.truncate(self.progress.bytes)
            file.seek(0, os.SEEK_END)
            yield file

    def _resume(self, size: int) -> None:
        """Take up what an earlier run has noted, unless some of its lines are missing."""
        if not self._notes.exists():
            if size:
                raise FileInTheWay(f"{self._part} is there, but no {self._notes}; delete it first.")
            return
        try:
            noted = msgspec.json.decode(self._notes.read_bytes(), type=Progress)
        except msgspec.MsgspecError as error:
            raise FileInTheWay(f"{self._notes} cannot be read; delete it first.") from error
        if not noted.is_of(self.progress):
            raise FileInTheWay(
                f"{self._notes} is of another website, format or range; delete it first."
            )
        if noted.bytes <= size:
            noted.high = self.progress.high
            self.progress, self.is_resumed = noted, noted.rows > 0


def suggested_format(path: str | None) -> str | None:
    """Return the format that a file's name tells; a packed Parquet file makes no sense."""
    found = formats.format_of(path) if path else None
    return None if path and found == PARQUET and path.endswith(PACKED) else found
