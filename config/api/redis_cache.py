"""Django's cache in Redis, for counters that every request raises."""

from functools import cache
from typing import Any

from django.core.cache.backends import redis

# A script is one step: no other client's command comes between.
_TAKE = """
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
if used + tonumber(ARGV[1]) > tonumber(ARGV[2]) then return {0, used} end
used = redis.call('INCRBY', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return {1, used}
"""


class Client(redis.RedisCacheClient):
    """Django's own, which makes a client for each command; that costs more than the command."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kept = cache(super().get_client)

    def get_client(self, key: Any = None, *, write: Any = False) -> Any:
        """Return the client of the server; threads may share it."""
        return self._kept(write=write)

    def incr(self, key: Any, delta: Any) -> Any:
        """Add to a counter in one round trip; raises ValueError when there is none."""
        client = self.get_client(key, write=True)
        value = client.incr(key, delta)
        if value == delta:  # it was not there, and would now stay for ever
            client.delete(key)
            raise ValueError(f"Key '{key}' not found.")
        return value

    def take(self, key: Any, amount: int, at_most: int, timeout: int) -> tuple[bool, int]:
        """Add to a counter unless that exceeds a limit, in one step."""
        client = self.get_client(key, write=True)
        fits, used = client.eval(_TAKE, 1, key, amount, at_most, timeout)
        return bool(fits), used


class RedisCache(redis.RedisCache):
    """Django's own, with that client, and a counter that stops at a limit."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = Client

    def take(self, key: Any, amount: int, *, at_most: int, timeout: int) -> tuple[bool, int]:
        """Add to a counter unless that exceeds a limit; return whether, and where it now is."""
        key = self.make_and_validate_key(key)
        client: Any = self._cache
        taken: tuple[bool, int] = client.take(key, amount, at_most, timeout)
        return taken
