"""UUIDv7: ids whose first 48 bits are a time in Unix milliseconds (RFC 9562, section 5.7)."""

import hashlib
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from uuid import UUID

from uuid_utils import compat

LOWEST = UUID(int=0)
HIGHEST = UUID(int=(1 << 128) - 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
# Of JSON Schema, for a UUIDv7 that a client sends.
PATTERN = "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-7[0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-[0-9A-Fa-f]{12}$"
_RANDOM_BITS = ~(0xF << 76 | 0b11 << 62)
_VERSION_7 = 7 << 76 | 0b10 << 62
_CANONICAL = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def now() -> datetime:
    return from_ms(now_ms())


def to_ms(at: datetime) -> int:
    """Return a time as Unix milliseconds, finer fractions cut off."""
    return (at - _EPOCH) // _MILLISECOND


@lru_cache(maxsize=1024)  # most events of a batch have one time
def from_ms(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)


def new_id(ms: int) -> UUID:
    return compat.uuid7(nanoseconds=ms * 1_000_000)


def new_id_now() -> UUID:
    return new_id(now_ms())


def new_ids(times: Sequence[int]) -> list[UUID]:
    """Return one new id for each time; ids of equal times ascend in the order given."""
    ids = sorted(map(new_id, times), key=attrgetter("int"))  # UUIDs compare slowly
    if len(set(times)) <= 1:
        return ids
    result = ids.copy()
    for position, id in zip(sorted(range(len(times)), key=times.__getitem__), ids, strict=True):
        result[position] = id
    return result


def with_bits(ms: int, bits: int) -> UUID:
    """Return the id of a time with given bits, of eighty all but six, in place of random ones."""
    return UUID(int=ms << 80 | bits & _RANDOM_BITS | _VERSION_7)


def hashed_id(ms: int, *identity: str) -> UUID:
    """Return an id whose bits are a hash, so that the same source gives the same id again."""
    text = "\0".join(identity).encode("utf-8", "surrogatepass")
    return with_bits(ms, int.from_bytes(hashlib.blake2b(text, digest_size=10).digest(), "big"))


def ms_of(id: UUID) -> int:
    """Return the time inside an id, in Unix milliseconds."""
    return id.int >> 80


def time_of(id: UUID) -> datetime:
    return from_ms(ms_of(id))


def floor(at: datetime) -> UUID:
    """Return the lowest UUID of a time: ids of earlier times are below it, no others are.

    No id is of a time before 1970, as a hundred years ago is.
    """
    return UUID(int=max(to_ms(at), 0) << 80)


def next_after(id: UUID) -> UUID:
    return UUID(int=id.int + 1)


def parse(text: str) -> UUID | None:
    """Return the UUID of a text in canonical form (8-4-4-4-12, any case), None for other texts."""
    return UUID(text) if _CANONICAL.fullmatch(text) else None
