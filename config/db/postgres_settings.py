"""Settings of PostgreSQL for a stream of small commits, within the memory and disk of the machine.

Its defaults are those of a tiny machine: under minutes of load a checkpoint follows the other, and
after each of them every page that changes is written to the log as a whole. With these settings
posts were 25 % faster, with a database larger than its buffers.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

MB = 2**20
SHARED_BUFFERS_MB = range(16, 512 + 1)
MAX_WAL_MB = range(32, 8192 + 1)
MIN_WAL_MB = 80  # PostgreSQL's default
MEMORY_SHARE = DISK_SHARE = 8  # an eighth of it
CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")
# What the log of this service redacts, that of the server must not hold: no statements, and of an
# error neither its DETAIL nor its CONTEXT, which repeat rows and values.
QUIET_LOG = {
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}


def fitting_settings(directory: Path) -> dict[str, str]:
    """Return settings for a server of this machine whose data is, or will be, in a directory."""
    directory = directory.resolve()
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    memory_mb, free_mb = memory_bytes() // MB, shutil.disk_usage(existing).free // MB
    max_wal_mb = _clamp(free_mb // DISK_SHARE, MAX_WAL_MB)
    return {
        "shared_buffers": f"{_clamp(memory_mb // MEMORY_SHARE, SHARED_BUFFERS_MB)}MB",
        "max_wal_size": f"{max_wal_mb}MB",
        "min_wal_size": f"{min(max_wal_mb, MIN_WAL_MB)}MB",
        "checkpoint_timeout": "30min",
        "wal_compression": "on",
    }


def memory_bytes() -> int:
    """Return the memory of the machine, or what its container may use if that is less."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([physical, *_cgroup_limits()])


def _clamp(number: int, bounds: range) -> int:
    return max(bounds[0], min(number, bounds[-1]))


def _cgroup_limits() -> Iterator[int]:
    """Yield the limits of the control groups of this process, of both versions of them."""
    with suppress(OSError):  # no Linux
        for line in OWN_CGROUP.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                yield from _limits(CGROUPS, path, "memory.max")
            elif "memory" in controllers.split(","):
                yield from _limits(CGROUPS / "memory", path, "memory.limit_in_bytes")


def _limits(root: Path, path: str, name: str) -> Iterator[int]:
    """Yield the limits of a group and of those around it; in a container the root is its own."""
    group = Path(path.lstrip("/"))
    for folder in (group, *group.parents):
        with suppress(OSError, ValueError):  # another mount; "max"
            yield int((root / folder / name).read_text())
