"""A worker process: gunicorn's for gevent, in which a slow client holds a greenlet and no more.

gunicorn's parent process imports this, so Django is imported only in the worker, once the standard
library is patched for gevent.
"""

import os
import resource
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

import gevent
from gevent.pool import Pool
from gevent.server import StreamServer
from gevent.socket import socket
from gunicorn.http.errors import ParseException
from gunicorn.workers.ggevent import GeventWorker

from config.server.connection import LimitedRequest, Requests, Response, Waiting, linger, refuse

MAX_CONNECTIONS = 4096
OTHER_FILES = 256  # that a worker may have open beside the connections of its clients
KEEP_ALIVE_SECONDS = 75  # between requests; longer than that of usual proxies
TICK_SECONDS = 0.1
STOP_SECONDS = 2  # for the requests that are under way at a stop
DRAIN_SECONDS = 5  # before, for clients that keep a connection, when newer workers take over


class Worker(GeventWorker):
    """Serves connections, each in a greenlet of its own.

    Of those that wait for their client the oldest is closed when there are too many.
    """

    def init_process(self) -> None:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        files = MAX_CONNECTIONS + OTHER_FILES
        files = files if most == resource.RLIM_INFINITY else min(files, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
        self._pool = Pool(max(files - OTHER_FILES, 1))
        self._waiting: Waiting = {}
        self._of_address: Counter[str] = Counter()
        self._drain_seconds = DRAIN_SECONDS
        super().init_process()  # patches the standard library, loads the application, calls run()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        from django.conf import settings

        from config.db import pool

        self._borrowing = pool.Pools(settings.DB_CONNECTIONS).borrowing
        self._give_back = pool.give_back
        self._request_seconds = settings.REQUEST_TIMEOUT_SECONDS
        self._max_of_address = settings.MAX_CONNECTIONS_PER_ADDRESS

    def notify(self) -> None:
        """Tell the parent that this worker is alive; stop if there is no parent any more."""
        self.tmp.notify()
        if os.getppid() != self.ppid:
            self.alive = False

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """Stop soon, as nobody takes over: SIGQUIT, and SIGINT."""
        self._drain_seconds, self.alive = 0, False

    def run(self) -> None:
        """Serve until a signal comes, and then let the requests under way end.

        From then on a connection is closed after its next response, which says so. At a SIGTERM
        those that wait for a request get some time for it: closed at once, they might cross it.
        """
        servers = [
            StreamServer(each, handle=partial(self.handle, each), spawn=self._pool)
            for each in self.sockets
        ]
        for server in servers:
            server.max_accept = 1  # the other workers shall have some
            server.start()
        while self.alive:
            self.notify()
            gevent.sleep(TICK_SECONDS)
        for server in servers:
            server.close()
        self._pool.join(timeout=self._drain_seconds)
        for greenlet in [each for each, is_idle in self._waiting.items() if is_idle]:
            greenlet.kill(block=False)
        self._pool.join(timeout=STOP_SECONDS)
        self._pool.kill(timeout=1)

    def handle(self, listener: socket, client: socket, address: Any) -> None:
        """Serve a connection until it is closed."""
        if self._pool.full() and self._waiting:
            next(iter(self._waiting)).kill(block=False)
        try:
            with self._counted(address) as is_allowed, self._borrowing():
                if is_allowed:
                    self._serve(listener.getsockname(), client, address)
        except OSError:
            pass  # the client has gone, or was too slow
        except Exception:  # Django's handler answers all that it can
            self.log.exception("A connection failed")
        finally:
            client.close()

    @contextmanager
    def _counted(self, address: Any) -> Iterator[bool]:
        """Count a connection of its address; give whether it is one of those allowed."""
        key = limited_address(address[0] if isinstance(address, tuple) else "")
        if key is None:
            yield True
            return
        self._of_address[key] += 1
        try:
            yield self._of_address[key] <= self._max_of_address
        finally:
            self._of_address[key] -= 1
            if not self._of_address[key]:
                del self._of_address[key]

    def _serve(self, server: Any, client: socket, address: Any) -> None:
        requests = Requests(self.cfg, client, address, self._waiting)
        idle_seconds = self._request_seconds
        try:
            while requests.unreader.has_more(idle_seconds, self._request_seconds):
                request = next(requests)
                stays = self._respond(request, server, client, address)
                if not request.can_be_skipped():
                    linger(client)
                if not stays or not requests.finish_body():
                    return
                idle_seconds = KEEP_ALIVE_SECONDS
        except ParseException as error:
            refuse(client, error)
            linger(client)

    def _respond(self, request: LimitedRequest, server: Any, client: socket, address: Any) -> bool:
        """Respond to a request; return whether the connection stays open."""
        request.defer_continue()
        response = Response(request, client)
        body = self.wsgi(request.environ(address, server), response.start)
        try:
            response.closes |= not (self.alive and request.can_be_skipped())
            response.send(body)
        finally:
            body.close()
            self._give_back()
        return not response.closes


def limited_address(peer: str) -> str | None:
    """Return what of an address is limited, None for loopback, proxies and Unix sockets."""
    from config.api.addresses import parse_address, rate_key
    from config.api.client_address import is_trusted_proxy

    address = parse_address(peer)
    if address is None or address.is_loopback or is_trusted_proxy(address):
        return None
    return rate_key(str(address))
