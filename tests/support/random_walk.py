"""Visitors who click at random, and what should be stored of them"""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import Page

from tests.support.npm import router_script
from tests.support.processes import wait_until
from tests.support.tracked_site import Visit, run_script

PATHS = [f"/page/{number}" for number in range(10)]
LINKS = "<nav>" + " ".join(f'<a href="{path}" data-navigo>{path}</a>' for path in PATHS) + "</nav>"
MAX_TABS = 4
ROUTES = """
    const router = new Navigo('/');
    for (let i = 0; i < 10; i++)
        router.on('/page/' + i, () => { document.title = 'Page ' + i });
    router.resolve();
"""
AT = """path => location.pathname === path && !!window.PivotMetrics
    && document.readyState === 'complete'"""


@dataclass(slots=True)
class Tab:
    """A tab and the paths of its history."""

    page: Page
    history: list[str]
    position: int = 0

    @property
    def path(self) -> str:
        """The path that it shows."""
        return self.history[self.position]

    def arrive(self) -> None:
        """Wait until it shows its path, and the script has seen that."""
        self.page.wait_for_function(AT, arg=self.path)

    def push(self, path: str) -> None:
        self.history[self.position + 1 :] = [path]
        self.position += 1


def add_site(visit: Visit) -> None:
    """Put ten pages on the site that lead to each other."""
    for path in PATHS:
        visit.add_page(path, LINKS)


def add_application(visit: Visit) -> None:
    """Put an application of a single page on the site, with ten routes."""
    visit.site.pages["/router.js"] = router_script()
    for path in PATHS:
        visit.add_page(path, LINKS + "<script src=/router.js></script>" + run_script(ROUTES))


@dataclass(slots=True)
class Walk:
    """A walk over a site; what is not `stored` as `expected` was lost, or came twice."""

    visit: Visit
    seed: int
    tabs: list[Tab] = field(default_factory=list)
    expected: Counter[tuple[str, str]] = field(default_factory=Counter)
    steps: int = 0
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def run(self, seconds: float) -> None:
        """Walk for some time, then wait until all that happened is stored."""
        self.open_tab()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.steps += 1
            self.chance.choice(self._possible())()
        self.restore_network()
        for tab in self.tabs:
            tab.page.evaluate("async () => { await PivotMetrics.flush() }")
        self.open_tab()
        wait_until(lambda: sum(self.stored.values()) >= sum(self.expected.values()), seconds=20)

    @property
    def stored(self) -> Counter[tuple[str, str]]:
        """What is stored: name and path of each event but for the engagement."""
        rows = self.visit.rows()
        return Counter((row.name, row.path) for row in rows if row.name != "$engagement")

    def _possible(self) -> list[Callable[[], None]]:
        always = [self.follow, self.follow, self.go_back, self.go_forward, self.track]
        tabs = [self.open_tab, self.open_link_in_tab] if len(self.tabs) < MAX_TABS else []
        closing = [self.close_tab] if len(self.tabs) > 1 else []
        return [*always, *tabs, *closing, self.lose_network, self.restore_network]

    def _view(self, path: str) -> None:
        self.expected["pageview", path] += 1

    def _tab(self) -> Tab:
        return self.chance.choice(self.tabs)

    def follow(self) -> None:
        """Click on a link."""
        tab = self._tab()
        path = self.chance.choice([path for path in PATHS if path != tab.path])
        self.expected["click", tab.path] += 1
        tab.page.locator(f'a[href="{path}"]').click()
        tab.push(path)
        self._view(path)
        tab.arrive()

    def go_back(self) -> None:
        self._go(-1, "history.back()")

    def go_forward(self) -> None:
        self._go(1, "history.forward()")

    def _go(self, step: int, call: str) -> None:
        tab = self._tab()
        if not 0 <= tab.position + step < len(tab.history):
            return
        tab.position += step
        self._view(tab.path)
        tab.page.evaluate(f"setTimeout(() => {call})")
        tab.arrive()

    def track(self) -> None:
        """Let a page tell something."""
        tab = self._tab()
        self.expected["walked", tab.path] += 1
        tab.page.evaluate("PivotMetrics.track('walked', {n: Math.random()})")

    def open_tab(self) -> None:
        path = self.chance.choice(PATHS)
        self._add(self.visit.open(path), path)

    def open_link_in_tab(self) -> None:
        tab, path = self._tab(), self.chance.choice(PATHS)
        self.expected["click", tab.path] += 1
        with self.visit.context.expect_page() as opened:
            tab.page.locator(f'a[href="{path}"]').click(button="middle")
        self._add(opened.value, path)

    def _add(self, page: Page, path: str) -> None:
        self.tabs.append(Tab(page, [path]))
        self._view(path)
        self.tabs[-1].arrive()

    def close_tab(self) -> None:
        """Close a tab, which has sent what it had: the last words of others have a test."""
        self.restore_network()
        tab = self._tab()
        self.tabs.remove(tab)
        tab.page.evaluate("async () => { await PivotMetrics.flush() }")
        tab.page.close()

    def lose_network(self) -> None:
        """Let requests of the script fail in one of several ways."""
        ways = [
            self.visit.gateway.hang_up,
            lambda: self.visit.gateway.reply_with(503),
            lambda: self.visit.gateway.reply_with(429, Retry_After="1"),
        ]
        self.chance.choice(ways)()

    def restore_network(self) -> None:
        self.visit.gateway.come_back()
