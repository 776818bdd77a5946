"""`manage.py demo_traffic`: fill the demo website with a month of made-up traffic."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.reports.derived import rollup
from analytics.synthetic import demo
from config.db import uuid7
from config.server.console import progress_bar, stoppable
from websites import first_run
from websites.models import Website

DAYS = 30
MAX_DAYS = 366
ROLLUP_SECONDS = 30  # `serve` goes on with what is left


class Command(BaseCommand):
    help = (
        "Fill the demo website of a first run with made-up traffic of the last days, so that its "
        "dashboard shows what a busy website looks like. Repeated, it adds only what has come "
        "since. Another website must be named: nothing tells made-up events from real ones."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--website", metavar="ID", help="another website than the demo one")
        parser.add_argument(
            "--days", type=int, default=DAYS, help=f"before today; default: {DAYS}, at most 366"
        )

    def handle(self, *, website: str | None, days: int, **options: Any) -> None:
        if not 1 <= days <= MAX_DAYS:
            raise CommandError(f"--days must be from 1 to {MAX_DAYS}.")
        chosen = _named(website) if website is not None else _demo()
        started = time.monotonic()
        with stoppable("Events that are stored stay; run it again for the rest."):
            stored = self._fill(chosen, days)
            is_done = rollup.refresh(chosen, ROLLUP_SECONDS)
        self.stdout.write(
            f"{chosen}: {sum(day.new_rows for day in stored):,} rows added; "
            f"{sum(day.events for day in stored):,} made-up events of "
            f"{sum(day.visits for day in stored):,} visits on {len(stored)} days are there, "
            f"{'and its statistics' if is_done else 'its statistics not yet'}; "
            f"{time.monotonic() - started:.1f} s."
        )

    def _fill(self, website: Website, days: int) -> list[demo.StoredDay]:
        stored = []
        with progress_bar(self.stdout, days + 1, "days") as bar:
            for day in demo.fill(website, days, uuid7.now()):
                stored.append(day)
                bar.update(1)
        return stored


def _demo() -> Website:
    website = first_run.demo_website()
    if website is None:
        raise CommandError(
            "There is no demo website, which a first run makes. If made-up events may go to "
            "another one, name it: --website ID."
        )
    return website


def _named(id: str) -> Website:
    key = uuid7.parse(id)
    website = Website.objects.filter(pk=key).first() if key else None
    if website is None:
        raise CommandError(f"There is no website {id}.")
    return website
