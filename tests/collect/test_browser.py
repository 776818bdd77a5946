"""Collect and track in a real browser: cookies, origins, logout"""

import http.server
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, Error, Page

from config.db.embedded_postgres import database_url
from tests.support.browser import NEEDS_BROWSER, launched
from tests.support.collect import EVENT
from tests.support.live_client import PASSWORD, register
from tests.support.migrated_data import first_run_on_migrated_data
from tests.support.processes import temporary_directory
from tests.support.server import serving

COLLECT, TRACK = "/api/analytics/collect", "/api/v1/analytics/track"
SEND = """async ([address, options, event]) => {
    const body = JSON.stringify(event);
    const answer = await fetch(address, {method: "POST", body: body, ...options});
    return [answer.status, answer.type === "opaque" ? null : await answer.json()];
}"""
AS_JSON = {"headers": {"Content-Type": "application/json"}}
AS_TEXT = {"mode": "no-cors", "credentials": "include"}  # what needs no leave of the service

pytestmark = NEEDS_BROWSER


class Service:
    """A running server, and what a browser does with it."""

    def __init__(self, port: int, database: psycopg.Connection[tuple[int]]) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self._database = database

    def log_in(self, page: Page) -> None:
        page.goto(f"{self.address}/accounts/login/")
        page.get_by_label("Email").fill("owner@example.com")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("heading", name="Websites").wait_for()

    def stored(self) -> int:
        """Return how many events there are."""
        found = self._database.execute("SELECT count(*) FROM analytics_collectedevent").fetchone()
        assert found
        return found[0]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with ExitStack() as stack:
        var_dir = stack.enter_context(temporary_directory())
        server = stack.enter_context(serving(first_run_on_migrated_data(var_dir)))
        register(server.port)
        url = database_url(Path(var_dir), "millrace_analytics")
        database = stack.enter_context(psycopg.connect(url, autocommit=True))
        yield Service(server.port, database)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as chromium:
        yield chromium


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a browser that has no cookies yet."""
    with browser.new_context() as context:
        yield context.new_page()


class EmptyPage(http.server.BaseHTTPRequestHandler):
    """Respond to every request with an empty page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def another_origin(host: str) -> Iterator[str]:
    """Serve a page from another port of this machine; give its address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{host}:{server.server_port}/"
        server.shutdown()


def sent_cookies(page: Page) -> list[str]:
    """Return a list to which the names of cookies are added as the page sends them."""
    names: list[str] = []

    def note(sent: dict[str, Any]) -> None:
        cookies = [each for each in sent["associatedCookies"] if not each["blockedReasons"]]
        names.extend(each["cookie"]["name"] for each in cookies)

    session = page.context.new_cdp_session(page)
    session.on("Network.requestWillBeSentExtraInfo", note)
    session.send("Network.enable")
    return names


def test_a_page_of_the_service_collects_until_its_user_logs_out(service, page):
    before = service.stored()
    service.log_in(page)
    status, body = page.evaluate(SEND, [COLLECT, AS_JSON, EVENT])
    assert (status, body["success"]) == (200, True)
    batch = {"events": [EVENT, {"event_type": "click"}]}
    status, body = page.evaluate(SEND, [COLLECT, AS_JSON, batch])
    assert (status, [result["success"] for result in body["results"]]) == (200, [True, False])
    assert service.stored() == before + 2
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("link", name="Create an account").wait_for()
    refused = [403, {"success": False, "error": "Valid session required"}]
    assert page.evaluate(SEND, [COLLECT, AS_JSON, EVENT]) == refused
    assert service.stored() == before + 2


def test_a_page_of_the_service_tracks_with_its_session(service, page):
    service.log_in(page)
    event = {"event": "bio_link_click"}
    tracked = [200, {"success": True, "data": {"tracked": True}}]
    assert page.evaluate(SEND, [TRACK, AS_JSON, event]) == tracked
    with another_origin("127.0.0.1") as other, page.context.new_page() as second:
        second.goto(other)
        address = service.address + TRACK
        with second.expect_response(address) as answered:
            second.evaluate(SEND, [address, AS_TEXT, event])
        assert answered.value.status == 401
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("link", name="Create an account").wait_for()
    assert page.evaluate(SEND, [TRACK, AS_JSON, event])[0] == 401


# Pages of 127.0.0.1 are of the same site, whatever their port: the browser sends them the cookie.
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_page_of_another_origin_collects_nothing(service, page, host):
    before = service.stored()
    service.log_in(page)
    address = service.address + COLLECT
    with another_origin(host) as other:
        page.goto(other)
        cookies = sent_cookies(page)
        with page.expect_response(address) as answered:
            page.evaluate(SEND, [address, AS_TEXT, EVENT])
        assert answered.value.status == 403
        with pytest.raises(Error, match="Failed to fetch"):  # the preflight is refused
            page.evaluate(SEND, [address, AS_JSON, EVENT])
        assert ("sessionid" in cookies) == (host == "127.0.0.1")
    assert service.stored() == before
    page.goto(service.address + "/accounts/login/")
    assert page.evaluate(SEND, [COLLECT, AS_JSON, EVENT])[0] == 200
    assert service.stored() == before + 1
