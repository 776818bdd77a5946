"""A website with the tracking script, its visitors, and what was stored of them"""

import http.server
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psycopg
from playwright.sync_api import Browser, BrowserContext, Page

from config.db.embedded_postgres import database_url
from tests.support.browser import launched
from tests.support.gateway import Answer, Gateway, LocalServer, running
from tests.support.live_client import new_website, register
from tests.support.migrated_data import first_run_on_migrated_data
from tests.support.processes import temporary_directory, wait_until
from tests.support.server import serving

RESOLVER = "--host-resolver-rules=MAP *.example 127.0.0.1"
ROWS = """
    SELECT event_type, url, properties, referrer, session_id, visitor_id, device_type, id::text,
           extract(epoch FROM created_at)
    FROM analytics_event WHERE website_id = %s ORDER BY id
"""


class Site(LocalServer):
    """Pages by their paths."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: dict[str, str] = {}
        self.headers: dict[str, str] = {}
        self.requested: list[str] = []

    def answer(self, request: http.server.BaseHTTPRequestHandler, body: bytes) -> Answer:
        path = request.path.partition("?")[0]
        self.requested.append(path)
        if path not in self.pages:
            return 404, {"Content-Type": "text/plain"}, b""
        kind = "text/javascript" if path.endswith(".js") else "text/html"
        headers = {"Content-Type": f"{kind}; charset=utf-8"} | self.headers
        return 200, headers, self.pages[path].encode()


class Row(NamedTuple):
    """What was stored of an event."""

    type: str
    url: str
    properties: dict[str, Any] | None
    referrer: str | None
    session: str
    visitor: str
    device: str
    id: str
    at: float

    @property
    def name(self) -> str:
        """What happened: the name of a custom event, else its type."""
        name = (self.properties or {}).get("name") if self.type == "custom" else None
        return str(name or self.type)

    @property
    def path(self) -> str:
        """The path of the page, with its query and fragment."""
        parts = urlsplit(self.url)
        return parts._replace(scheme="", netloc="").geturl()


@dataclass(slots=True)
class World:
    """A running service, a site, and what stands between them; all tests share them."""

    port: int
    token: str
    main: "psycopg.Connection[Any]"
    analytics: "psycopg.Connection[Any]"
    site: Site
    gateway: Gateway

    @property
    def origin(self) -> str:
        """The site's origin."""
        return f"http://site.example:{self.site.server_port}"

    @property
    def script(self) -> str:
        """The script's address."""
        return f"http://127.0.0.1:{self.gateway.server_port}/tracker.js"

    @contextmanager
    def browser(self) -> Iterator[Browser]:
        """Run a browser that lets the script count, and the site do what https may."""
        with launched(
            RESOLVER,
            "--disable-blink-features=AutomationControlled",
            f"--unsafely-treat-insecure-origin-as-secure={self.origin}",
            without=("--disable-back-forward-cache",),
        ) as browser:
            yield browser


@contextmanager
def world() -> Iterator[World]:
    """Start all of it."""
    with ExitStack() as stack:
        var_dir = Path(stack.enter_context(temporary_directory()))
        server = stack.enter_context(serving(first_run_on_migrated_data(var_dir)))
        main, analytics = (
            stack.enter_context(psycopg.connect(database_url(var_dir, name), autocommit=True))
            for name in ("millrace", "millrace_analytics")
        )
        site, gateway = Site(), Gateway(server.port)
        stack.enter_context(running(site))
        stack.enter_context(running(gateway))
        yield World(server.port, register(server.port), main, analytics, site, gateway)


class Visit:
    """A website of its own for one test, and a browser without a history."""

    def __init__(self, world: World, context: BrowserContext) -> None:
        self.world, self.context = world, context
        self.site, self.gateway = world.site, world.gateway
        self.site.pages, self.site.headers, self.site.requested = {}, {}, []
        self.gateway.reset()
        self.code = new_website(world.port, world.token)
        found = world.main.execute(
            "SELECT id FROM websites_website WHERE tracking_code = %s", [self.code]
        ).fetchone()
        self._website_id = found and found[0]
        self.errors: list[str] = []

    def script(self, attributes: str = "") -> str:
        """Return the line that loads the script."""
        return (
            f'<script async src="{self.world.script}" data-tracking-code="{self.code}" '
            f"{attributes}></script>"
        )

    def add_page(
        self, path: str, body: str = "", *, attributes: str = "", head: str | None = None
    ) -> None:
        """Put a page on the site; `head` is what it has in place of the script."""
        script = self.script(attributes) if head is None else head
        title = path.strip("/") or "home"
        self.site.pages[path] = (
            f"<!doctype html><title>{title}</title><link rel=icon href=data:,>{script}{body}"
        )

    def new_tab(self) -> Page:
        """Open a tab whose errors are noted."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self._note(message.type, message.text))
        return page

    def open(self, path: str = "/", page: Page | None = None) -> Page:
        """Go to a page of the site, in a new tab unless one is given."""
        page = page or self.new_tab()
        page.goto(self.world.origin + path)
        return page

    def open_with_stopped_clock(self, *, at: float | None = None) -> Page:
        """Count a view of the page `/`, whose clock moves only as the test says.

        It begins at a time in Unix seconds, or now.
        """
        begin = time.time() if at is None else at
        page = self.new_tab()
        page.clock.install(time=begin - 60)  # it runs until it is stopped
        page.clock.pause_at(begin)
        self.open("/", page)
        page.clock.run_for(100)  # for the view to be sent
        self.wait_for("pageview")
        return page

    def rows(self) -> list[Row]:
        """Return what is stored of the website, in the order of time."""
        found = self.world.analytics.execute(ROWS, [self._website_id])
        return [Row(*row) for row in found.fetchall()]

    def names(self) -> list[str]:
        """Return what happened, but for the engagement."""
        return [row.name for row in self.rows() if row.name != "$engagement"]

    def wait_for(self, *names: str) -> list[Row]:
        """Wait until just these events are stored, in any order; return them."""
        wait_until(lambda: sorted(self.names()) == sorted(names) or self._excess(names), seconds=15)
        assert sorted(self.names()) == sorted(names)
        return [row for row in self.rows() if row.name != "$engagement"]

    def _excess(self, names: tuple[str, ...]) -> bool:
        return len(self.names()) > len(names)

    def _note(self, kind: str, text: str) -> None:
        # Chromium itself logs each request that fails.
        if not text.startswith("Failed to load resource"):
            self.errors.append(f"{kind}: {text}")


def run_script(source: str) -> str:
    """Return an element that runs a script."""
    return f"<script>{source}</script>"
