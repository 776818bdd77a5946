"""Files in which workers share their metrics, with room on the disk for all that is written

prometheus_client maps sparse files into memory. When such a page is written and the disk is full,
the kernel ends the process by SIGBUS.
"""

import logging
import mmap
import os
import sys
from functools import cache
from pathlib import Path

from prometheus_client import mmap_dict, values

logger = logging.getLogger(__name__)
FIRST_BYTES = 65_536
MOST_BESIDE_KEY = 32  # bytes of an entry: two numbers, a length, padding


def reserve_room() -> None:
    """Let all files have the room that they need; to be called before there is any metric."""
    values.MmapedDict = ReservedDict  # type: ignore[attr-defined]


class ReservedDict(mmap_dict.MmapedDict):
    """The values in a file; where it has no room, in memory, which no other worker reads."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        try:
            _create(Path(filename))
            super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]
        except OSError as error:
            _warn(str(error))
            self._f = None  # type: ignore[assignment]
            self._m = mmap.mmap(-1, FIRST_BYTES)
            self._capacity, self._used = FIRST_BYTES, 8
            self._positions: dict[str, int] = {}

    def _init_value(self, key: str) -> None:
        while self._used + len(key.encode()) + MOST_BESIDE_KEY > self._capacity:
            self._grow()
        super()._init_value(key)  # type: ignore[no-untyped-call]

    def _grow(self) -> None:
        self._capacity *= 2
        room = self._room(self._capacity)
        room[: self._used] = self._m[: self._used]
        self._m = room

    def _room(self, size: int) -> mmap.mmap:
        if self._f:
            try:
                _reserve(self._f.fileno(), size)
                return mmap.mmap(self._f.fileno(), size)
            except OSError as error:
                _warn(str(error))
        return mmap.mmap(-1, size)


def _create(path: Path) -> None:
    """Make a file of zeros, which is there at once or not at all: whoever reads may come now."""
    if path.exists():
        return
    new = path.with_suffix(".new")
    try:
        with new.open("wb") as file:
            _reserve(file.fileno(), FIRST_BYTES)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def _reserve(descriptor: int, size: int) -> None:
    if sys.platform == "darwin":
        os.ftruncate(descriptor, size)
    else:
        os.posix_fallocate(descriptor, 0, size)


@cache  # one warning of each cause
def _warn(reason: str) -> None:
    logger.warning("Metrics of this worker are not shown until it restarts: %s", reason)
