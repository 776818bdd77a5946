"""What commands write for people: columns, sizes, progress, a sentence when they are stopped."""

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self

from django.core.management import CommandError
from django.core.management.base import OutputWrapper

BAR_WIDTH = 24
TERMINAL_SECONDS = 0.2  # between two states of the one line on a terminal
SPARSE_SECONDS = 10.0  # between two lines in a file or a mail
INTERRUPTED = 130  # as shells say it of Ctrl-C


class Size(str):
    """A number of bytes, written for people."""

    __slots__ = ()


def columns(rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """Yield a line for each row; whole numbers and sizes stand at the right of their column."""
    texts = [[_text(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    is_number = [any(isinstance(row[n], int | Size) for row in rows) for n in range(len(widths))]
    for row in texts:
        cells = (
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(row, widths, is_number, strict=True)
        )
        yield "  ".join(cells).rstrip()


def size(count: float) -> Size:
    """Return a number of bytes in the unit that suits it."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return Size(f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}")
        count /= 1000
    return Size(f"{count:.1f} TB")


def duration(seconds: float) -> str:
    """Return a time such as 0:07 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class Progress:
    """How far a long work is: one line that changes on a terminal, elsewhere a line at times."""

    def __init__(self, out: OutputWrapper, total: int, unit: str = "rows") -> None:
        self._out = out
        self._total = max(total, 1)
        self._unit = unit
        self._is_terminal = out.isatty()
        self._every = TERMINAL_SECONDS if self._is_terminal else SPARSE_SECONDS
        self._begun = self._told = time.monotonic()
        self.done = 0

    @property
    def seconds(self) -> float:
        """The time since it began."""
        return time.monotonic() - self._begun

    @property
    def rate(self) -> float:
        """How much is done in a second."""
        return self.done / max(self.seconds, 0.001)

    def advance(self, count: int) -> None:
        """Tell that so much more is done."""
        self.done += count
        if time.monotonic() - self._told >= self._every:
            self._told = time.monotonic()
            self._tell()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._is_terminal:  # for what is written next
            self._out.write("\r\x1b[K", ending="")

    def _tell(self) -> None:
        part = min(self.done / self._total, 1.0)
        bar = ("#" * round(part * BAR_WIDTH)).ljust(BAR_WIDTH, "-")
        left = duration(max(self._total - self.done, 0) / max(self.rate, 0.001))
        line = (
            f"[{bar}] {part:4.0%}  {self.done:,} of {self._total:,} {self._unit}"
            f"  {self.rate:,.0f}/s  {left} left"
        )
        if self._is_terminal:
            self._out.write(f"\r{line}\x1b[K", ending="")
        else:
            self._out.write(line)
        self._out.flush()


@contextmanager
def stoppable(sentence: str) -> Iterator[None]:
    """Let Ctrl-C or SIGTERM end a block with a sentence in place of a traceback."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise CommandError(f"Stopped. {sentence}", returncode=INTERRUPTED) from interrupt
    finally:
        signal.signal(signal.SIGTERM, before)


def _text(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
