"""`manage.py rollup`: bring the sessions of websites up to date with their events."""

import signal
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.events.models import Event
from analytics.reports.derived import rollup_check, rollup_runs
from analytics.reports.derived.rollup_check import Comparison
from analytics.reports.derived.rollup_models import RollupCheck
from config.db import uuid7
from config.server.console import progress_bar, stoppable
from websites.models import Website

MAX_SHOWN = 20
DAYS = 30
DIFFERS = 1  # exit code
AGAIN = "What is done stays so; run it again for the rest."


class Command(BaseCommand):
    help = (
        "Bring the sessions of websites up to date with the events that came or went, and seal "
        "days that are over. `serve` does so all the time. It may be interrupted, repeated, and "
        "run beside others. Exit code of --check: 0 all is right, 1 something differs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--forever", action="store_true", help="go on until it is stopped")
        what.add_argument(
            "--rebuild",
            action="store_true",
            help="make totals and all sessions anew from their events",
        )
        what.add_argument(
            "--check",
            action="store_true",
            help="compare sessions and sealed days of a sample with the events, and totals",
        )
        parser.add_argument("--website", metavar="ID", help="only this website")
        parser.add_argument(
            "--days", type=int, default=DAYS, help=f"of the sample of --check; default: {DAYS}"
        )

    def handle(
        self,
        *,
        forever: bool,
        rebuild: bool,
        check: bool,
        website: str | None,
        days: int,
        **options: Any,
    ) -> None:
        if forever:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a transaction is done or it is not
            rollup_runs.run_forever()
        websites = _websites(website)
        with stoppable(AGAIN):
            if check:
                self._check(websites, days)
            elif rebuild:
                self._rebuild(websites)
            else:
                self._roll_up(websites if website else None)

    def _roll_up(self, websites: list[Website] | None) -> None:
        due = [each.pk for each in websites] if websites else rollup_runs.due_websites()
        steps = list(rollup_runs.roll_up_due(due))
        sealed = sum(rollup_runs.seal_all(websites or Website.objects.order_by("pk")))
        self.stdout.write(
            f"{sum(each.sessions for each in steps):,} sessions made of "
            f"{sum(each.events for each in steps):,} events, "
            f"{sealed:,} days, hours or weeks sealed."
        )

    def _rebuild(self, websites: list[Website]) -> None:
        total = sum(Event.objects.of_website(each.pk).count() for each in websites)
        sessions = 0
        with progress_bar(self.stdout, total, "events") as bar:
            for website in websites:
                for step in rollup_runs.rebuild(website.pk):
                    sessions += step.sessions
                    bar.update(step.events)
        seconds = bar.format_dict["elapsed"]
        self.stdout.write(f"{sessions:,} sessions of {total:,} events made in {seconds:.1f} s.")

    def _check(self, websites: list[Website], days: int) -> None:
        found = Comparison()
        for _ in rollup_runs.roll_up_due(each.pk for each in websites):
            pass
        sampled = rollup_check.sample(websites, days)
        with progress_bar(self.stdout, len(sampled), "days") as bar:
            for website, day in sampled:
                rollup_check.compare_day(website, day, found)
                bar.update(1)
        for website in {each for each, _ in sampled}:
            rollup_check.compare_totals(website, found)
        self._report(found, len(sampled))

    def _report(self, found: Comparison, days: int) -> None:
        count = len(found.differences)
        RollupCheck.objects.create(checked=found.checked, differences=count)
        for line in [*sorted(set(found.skipped)), *found.differences[:MAX_SHOWN]]:
            self.stdout.write(line)
        summary = f"{found.checked:,} sessions, totals and values of {days} days compared"
        if not count:
            self.stdout.write(f"{summary}, all are right.")
            return
        self.stdout.write(f"{summary}, {count:,} differ: manage.py rollup --rebuild mends them.")
        sys.exit(DIFFERS)


def _websites(id: str | None) -> list[Website]:
    if id is None:
        return list(Website.objects.order_by("pk"))
    key = uuid7.parse(id)
    found = list(Website.objects.filter(pk=key)) if key else []
    if not found:
        raise CommandError(f"There is no website {id}.")
    return found
