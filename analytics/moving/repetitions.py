"""Lines without an id of their own: what tells equal ones apart"""

import hashlib

from cachetools import LRUCache

MAX_REMEMBERED = 100_000  # lines; equal ones that are farther apart have different times


class Repetitions:
    """Numbers equal lines, so that each has an identity that another run finds again."""

    def __init__(self) -> None:
        self._counts: LRUCache[bytes, int] = LRUCache(MAX_REMEMBERED)

    def number(self, *parts: str) -> str:
        """Return the identity of a line: a hash of it, and how many equal ones came before."""
        text = "\0".join(parts).encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(text, digest_size=16).digest()
        count = self._counts.get(digest, 0)
        self._counts[digest] = count + 1
        return f"{digest.hex()}-{count}"
