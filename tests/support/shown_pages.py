"""Pages of a running service, as the browser of an owner shows them"""

import time
from collections.abc import Collection
from typing import Any, NamedTuple

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import BrowserContext, Page

from tests.support.live_client import PASSWORD, register, send_request

WIDE, NARROW = 1280, 390
LOOKS = [(WIDE, "light"), (NARROW, "light"), (WIDE, "dark"), (NARROW, "dark")]
EXAMINED = LOOKS[0], LOOKS[3]  # both widths, both schemes; make soak examines all four
FIND_BARRIERS = """
async () => (await axe.run({resultTypes: ["violations"]})).violations
    .filter(found => ["serious", "critical"].includes(found.impact))
    .flatMap(found => found.nodes.slice(0, 3).map(
        node => `${found.id}: ${node.html.slice(0, 200)} ${node.failureSummary}`))
"""
HOSTILE = "<img src=x onerror=alert(1)>\"'&{{ x }}"
LONG = "a-long-name-without-a-space-" * 9
DAY_MS = 86_400_000
PAGES = ("/", "/pricing", "/blog/2026/how-to-count", f"/{LONG}", "/?q=<script>alert(1)</script>")
REFERRERS = (
    None,
    "https://www.google.com/",
    f"https://{LONG[:59]}.example/",
    "https://x.example/<script>alert(1)</script>",
)
CLIENTS = (
    ("desktop", "Chrome", "Windows", "US"),
    ("mobile", "Safari", "iOS", "DE"),
    ("desktop", "Firefox", "Linux", "IN"),
    ("tablet", "Safari", "iPadOS", "SG"),
)
MAX_TABS = 80


class Account(NamedTuple):
    """An owner of websites at a running service."""

    port: int
    email: str
    token: str

    @classmethod
    def register(cls, port: int, email: str) -> "Account":
        return cls(port, email, register(port, email))

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add_website(self, name: str, domain: str, *, sessions: int = 0) -> str:
        """Make a website with sessions of a month; return the path of its dashboard."""
        body = {"name": name, "domain": domain}
        made = send_request(self.port, "POST", "/api/v1/websites", body, token=self.token).json
        if sessions:
            events = events_of_a_month(made["trackingCode"], sessions)
            sent = send_request(self.port, "POST", "/api/v1/events/batch", {"events": events})
            assert sent.json.get("errors", []) == []
        return f"/websites/{made['id']}/"

    def add(self, website: str, what: str, body: dict[str, Any]) -> Any:
        """Make a goal, funnel or share of a website, whose dashboard has a path."""
        path = f"/api/v1{website}{what}"
        made = send_request(self.port, "POST", path, body, token=self.token)
        assert made.status == 201, made
        return made.json

    def log_in(self, context: BrowserContext) -> None:
        """Log in by the form."""
        page = context.new_page()
        page.goto(f"{self.origin}/accounts/login/")
        page.get_by_label("Email").fill(self.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("heading", name="Websites").wait_for()
        page.close()


def events_of_a_month(code: str, sessions: int) -> list[dict[str, Any]]:
    """Return sessions of two page views and a custom event, from 28 days ago until now."""
    now = int(time.time() * 1000)
    return [
        {
            "trackingCode": code,
            "sessionId": f"session-{session}",
            "visitorId": f"visitor-{session * 2 // 3}",
            "timestamp": now - session * 28 * DAY_MS // sessions - 10_000 + 3000 * step,
            **_event(session, step),
        }
        for session in range(sessions)
        for step in range(3)
    ]


def _event(session: int, step: int) -> dict[str, Any]:
    """Return what happens at a step of a session, and where."""
    device, browser, os, country = CLIENTS[session % len(CLIENTS)]
    path = PAGES[session % len(PAGES) if step else 0]
    name = (HOSTILE, "sign-up", LONG)[session % 3]
    client = {"deviceType": device, "browser": browser, "os": os, "location": country}
    return client | {
        "eventType": "custom" if step == 2 else "pageview",
        "url": f"https://busy.example{path}",
        "properties": {"title": HOSTILE, "name": name, HOSTILE[:30]: HOSTILE},
        **({} if step else {"referrer": REFERRERS[session % len(REFERRERS)]}),
    }


class Tab:
    """A page of a browser, and all that it complains of."""

    def __init__(self, context: BrowserContext, origin: str) -> None:
        self.page = context.new_page()
        self.origin = origin
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))

    def open(self, path: str, *, status: int = 200) -> Page:
        """Go to a page."""
        response = self.page.goto(self.origin + path)
        assert response
        assert response.status == status
        if status != 200:
            self.complaints.clear()  # the browser itself tells of the status
        return self.page

    def look(self, width: int, scheme: str) -> None:
        """Show the page that is open on another screen."""
        self.page.set_viewport_size({"width": width, "height": 800})
        self.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")

    def fits(self) -> bool:
        """Return whether the page is not wider than its screen."""
        root: bool = self.page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )
        return root

    def assert_usable(self, examined: Collection[tuple[int, str]] = EXAMINED) -> None:
        """Demand that everybody can use the page that is open, on each screen."""
        self.page.evaluate(f"{AXE_SCRIPT}; null")
        for look in LOOKS:
            self.look(*look)
            assert self.fits(), look
            if look in examined:
                assert self.barriers() == [], look
        self.look(*LOOKS[0])

    def barriers(self) -> list[str]:
        """Return what keeps people from using the page, each with an element."""
        found: list[str] = self.page.evaluate(FIND_BARRIERS)
        return found

    def focus_by_keyboard(self, selector: str) -> None:
        """Press Tab until an element has the focus."""
        for _ in range(MAX_TABS):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
                return
        raise AssertionError(f"{selector} is not reached by the keyboard")
