"""`manage.py generate`: traffic to develop and to measure with."""

from datetime import UTC, date, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics import generation
from analytics.generation import Period
from analytics.streams.partitions import Month
from config.server.console import (
    Progress,
    duration,
    stoppable,
)

MAX_MONTHS = 120


class Command(BaseCommand):
    help = (
        "Fill all streams with made-up traffic, for development: the rows that are asked for, over "
        "some months, with websites and users of their own. The same seed and dates give the same "
        "rows; a run that was stopped goes on when it is repeated."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--events", type=int, required=True, help="rows of all streams in all")
        parser.add_argument("--months", type=int, default=12, help="how many months; default: 12")
        parser.add_argument(
            "--until", metavar="YYYY-MM-DD", help="the day after the last one; default: today"
        )
        parser.add_argument("--seed", type=int, default=1, help="another number, other traffic")
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
                "DATABASE_URL names a server, and made-up traffic cannot be told from real traffic "
                "there. If that is what you want, add --yes-really."
            )
        period = _period(events, months, until, seed)
        with stoppable("What is stored stays so; the same command goes on."):
            self._generate(period)

    def _generate(self, period: Period) -> None:
        world = generation.prepare(period)
        with Progress(self.stdout, period.rows) as progress:
            for rows in generation.generate(period, world):
                progress.advance(rows)
        took, rate = duration(progress.seconds), progress.rate
        self.stdout.write("Vacuuming ...")
        self.stdout.flush()
        generation.tidy()
        self.stdout.write(
            f"{progress.done:,} rows from {period.first} to {period.until} in {took}, "
            f"{rate:,.0f} a second."
        )


def _period(events: int, months: int, until: str | None, seed: int) -> Period:
    if events < 1:
        raise CommandError("--events must be at least 1.")
    if not 1 <= months <= MAX_MONTHS:
        raise CommandError(f"--months must be from 1 to {MAX_MONTHS}.")
    today = datetime.now(UTC).date()
    end = _day(until) if until else today
    if end > today:
        raise CommandError(f"--until {end} is in the future.")
    before = Month(end.year, end.month).plus(-months)
    first = date(before.year, before.month, min(end.day, 28))
    return Period(first, end, events, seed)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"'{text}' is not a day; write it like 2026-11-24.") from None
