"""A real Chromium"""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

import pytest
from playwright.sync_api import Browser, BrowserType, sync_playwright

from tests.support.processes import TIMEOUT_SECONDS

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update"),
)
NEEDS_BROWSER = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium here: apt-get install chromium"),
]


@contextmanager
def launched(*flags: str, without: tuple[str, ...] = ()) -> Iterator[Browser]:
    """Run the browser, with more flags and without some that playwright gives it."""
    with sync_playwright() as playwright:
        browser = launch(playwright.chromium, *flags, without=without)
        yield browser
        browser.close()


def launch(chromium: BrowserType, *flags: str, without: tuple[str, ...] = ()) -> Browser:
    """Start another browser beside those of this process."""
    return chromium.launch(
        executable_path=CHROMIUM, args=[*FLAGS, *flags], ignore_default_args=list(without)
    )


@contextmanager
def unattended(url: str, *flags: str) -> Iterator[None]:
    """Show a page to nobody: playwright, as all developer tools, keeps pages from prerendering."""
    # Its children may still write when it has ended.
    with TemporaryDirectory(prefix="millrace-browser-", ignore_cleanup_errors=True) as profile:
        command = [str(CHROMIUM), "--headless=new", f"--user-data-dir={profile}", *FLAGS, *flags]
        with subprocess.Popen(
            [*command, url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            try:
                yield
            finally:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(TIMEOUT_SECONDS)
