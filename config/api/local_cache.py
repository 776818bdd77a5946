"""Django's cache in the memory of the process, for counters of a service with one worker."""

from threading import Lock
from typing import Any

from django.core.cache.backends.locmem import LocMemCache

_taking = Lock()


class LocalCache(LocMemCache):
    """Django's own, with a counter that stops at a limit."""

    def take(self, key: Any, amount: int, *, at_most: int, timeout: int) -> tuple[bool, int]:
        """Add to a counter unless that exceeds a limit; return whether, and where it now is."""
        with _taking:
            used: int = self.get(key, 0)
            fits = used + amount <= at_most
            if fits:
                used += amount
                self.set(key, used, timeout)
        return fits, used
