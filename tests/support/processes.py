"""Processes, ports and directories of tests with real servers"""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

TIMEOUT_SECONDS = 60  # of whatever promises no time: the machine may be busy with other tests


@contextmanager
def temporary_directory() -> Iterator[Path]:
    """Give a directory for a while.

    Not pytest's tmp_path: whenever pytest starts, it shuts the directories of its other runs to
    other users, such as PostgreSQL's.
    """
    with TemporaryDirectory(prefix="millrace-live-") as path:
        yield Path(path)


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def wait_until(condition: Callable[[], object], *, seconds: float = TIMEOUT_SECONDS) -> None:
    """Poll until a condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{condition} does not hold after {seconds} s"
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    """Return the ids of a process's children."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def kill_all(*pids: int) -> None:
    """End processes by SIGKILL, whichever of them have not ended yet."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@contextmanager
def frozen(list_processes: Callable[[], list[int]]) -> Iterator[None]:
    """Halt processes, and those that they start meanwhile, for the time of a block."""
    halted: list[int] = []
    while running := [pid for pid in list_processes() if pid not in halted]:
        for pid in running:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        halted += running
    try:
        yield
    finally:
        for pid in reversed(halted):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
