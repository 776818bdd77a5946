"""The options of a run, and what it prints."""

from datetime import UTC, date, datetime
from typing import Any

import humanize
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.streams.partitions import Month
from config.server.console import progress_bar, stoppable
from tests.traffic import run
from tests.traffic.run import Period

MAX_MONTHS = 120


class Command(BaseCommand):
    help = (
        "Fill all streams with synthetic traffic, for development: a number of rows over some "
        "months, with websites and users of their own. The same seed and dates give the same "
        "rows; a run that was interrupted is resumed when it is repeated."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--events", type=int, required=True, help="number of rows, of all streams together"
        )
        parser.add_argument("--months", type=int, default=12, help="number of months; default: 12")
        parser.add_argument(
            "--until", metavar="YYYY-MM-DD", help="the day after the last one; default: today"
        )
        parser.add_argument("--seed", type=int, default=1, help="another seed, other traffic")
        parser.add_argument(
            "--yes-really", action="store_true", help="also in databases of DATABASE_URL"
        )

    def handle(
        self,
        *,
        events: int,
        months: int,
        until: str | None,
        seed: int,
        yes_really: bool,
        **options: Any,
    ) -> None:
        if not (settings.EMBEDDED or yes_really):
            raise CommandError(
                "DATABASE_URL names a server, where synthetic traffic cannot be told from real "
                "traffic. If that is what you want, add --yes-really."
            )
        period = _period(events, months, until, seed)
        with stoppable("Rows that are stored stay; run the same command again to resume."):
            self._generate(period)

    def _generate(self, period: Period) -> None:
        dataset = run.prepare(period)
        with progress_bar(self.stdout, period.rows) as bar:
            for rows in run.generate(period, dataset):
                bar.update(rows)
        seconds = max(bar.format_dict["elapsed"], 0.001)
        self.stdout.write("Vacuuming ...")
        self.stdout.flush()
        run.vacuum()
        self.stdout.write(
            f"{bar.n:,} rows from {period.first} to {period.until} in "
            f"{humanize.precisedelta(round(seconds))}, {bar.n / seconds:,.0f} per second."
        )


def _period(events: int, months: int, until: str | None, seed: int) -> Period:
    if events < 1:
        raise CommandError("--events must be at least 1.")
    if not 1 <= months <= MAX_MONTHS:
        raise CommandError(f"--months must be from 1 to {MAX_MONTHS}.")
    today = datetime.now(UTC).date()
    end = _parse_day(until) if until else today
    if end > today:
        raise CommandError(f"--until {end} is in the future.")
    before = Month(end.year, end.month).plus(-months)
    first = date(before.year, before.month, min(end.day, 28))
    return Period(first, end, events, seed)


def _parse_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"'{text}' is not a day; write it like 2026-11-24.") from None
