"""Django's cache in Redis, for counters that every request raises."""

from functools import cache
from typing import Any

from django.core.cache.backends import redis


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


class RedisCache(redis.RedisCache):
    """Django's own, with that client."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = Client
