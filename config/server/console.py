"""Output of commands: columns, sizes, progress, and a message when they are interrupted."""

import getpass
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import humanize
from django.core.management import CommandError
from django.core.management.base import OutputWrapper
from tqdm import tqdm

TERMINAL_SECONDS = 0.2  # between two states of the bar
LOG_SECONDS = 10.0  # between two lines in a file or a mail
INTERRUPTED = 130  # the exit code of Ctrl-C in shells
tqdm.monitor_interval = 0  # no thread beside the work


class Size(str):
    """A number of bytes as text."""

    __slots__ = ()


def size(count: float) -> Size:
    return Size(humanize.naturalsize(count))


def printable(text: str) -> str:
    """Return a text from outside in one line that no terminal obeys: control characters escaped."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def columns(rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """Yield a line for each row; columns of integers and sizes are aligned to the right."""
    texts = [
        [f"{value:,}" if isinstance(value, int) else str(value) for value in row] for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    is_number = [any(isinstance(row[n], int | Size) for row in rows) for n in range(len(widths))]
    for row in texts:
        cells = (
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(row, widths, is_number, strict=True)
        )
        yield "  ".join(cells).rstrip()


def progress_bar(out: OutputWrapper, total: int | None, unit: str = "rows") -> "tqdm[NoReturn]":
    """Return a bar to update: on a terminal one line, elsewhere a line every ten seconds.

    Without a total it only counts.
    """
    is_terminal = out.isatty()
    seconds = TERMINAL_SECONDS if is_terminal else LOG_SECONDS
    return tqdm(
        total=total,
        unit=f" {unit}",
        file=_Terminal(out) if is_terminal else _Log(out),
        leave=False,
        delay=seconds,
        mininterval=seconds,
        miniters=1,
        smoothing=0,  # the average rate
    )


class _Terminal:
    """Where tqdm draws its bar, over and over on one line."""

    def __init__(self, out: OutputWrapper) -> None:
        self._out = out

    def write(self, text: str) -> None:
        self._out.write(text, ending="")

    def flush(self) -> None:
        self._out.flush()


class _Log(_Terminal):
    """Where each state of the bar is a line of its own."""

    def write(self, text: str) -> None:
        if line := text.strip():
            self._out.write(line)


def shell_user() -> str:
    """Return the name of the user, or the number if there is no name, as in containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


@contextmanager
def stoppable(message: str) -> Iterator[None]:
    """Let Ctrl-C or SIGTERM end a block with a message instead of a traceback."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise CommandError(f"Stopped. {message}", returncode=INTERRUPTED) from interrupt
    finally:
        signal.signal(signal.SIGTERM, before)
