"""The options of a run, and what it prints."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import humanize
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.streams.partitions import Month
from config.server.console import progress_bar, stoppable
from tests.traffic import run, sites, storage
from tests.traffic.period import Period

MAX_MONTHS = 120
MAX_DAYS = 3660
MAX_SITES = 1000
OWNER = "owner@generated.example"
SITES = re.compile(r"([1-9][0-9]{0,8})(?:x([1-9][0-9]{0,3}))?")


class Command(BaseCommand):
    help = (
        "Fill the databases with synthetic traffic, for development: a number of rows of all "
        "streams, with websites and users of their own, or the events of given websites. The same "
        "seed and dates give the same rows; a run that was interrupted is resumed when it is "
        "repeated."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--events", type=int, help="number of rows, of all streams together")
        what.add_argument(
            "--sites",
            metavar="EVENTS[xSITES],...",
            help="events of websites alone: 4000000,500000x9 is one with 4 M and nine with 500,000",
        )
        length = parser.add_mutually_exclusive_group()
        length.add_argument("--months", type=int, help="number of months; default: 12")
        length.add_argument("--days", type=int, help="number of days instead of months")
        parser.add_argument(
            "--until", metavar="YYYY-MM-DD", help="the day after the last one; default: today"
        )
        parser.add_argument("--seed", type=int, default=1, help="another seed, other traffic")
        parser.add_argument(
            "--owner", metavar="EMAIL", default=OWNER, help=f"of the --sites; default: {OWNER}"
        )
        parser.add_argument(
            "--yes-really", action="store_true", help="also in databases of DATABASE_URL"
        )

    def handle(
        self,
        *,
        events: int | None,
        sites: str | None,
        months: int | None,
        days: int | None,
        until: str | None,
        seed: int,
        owner: str,
        yes_really: bool,
        **options: Any,
    ) -> None:
        if not (settings.EMBEDDED or yes_really):
            raise CommandError(
                "DATABASE_URL names a server, where synthetic traffic looks like real "
                "traffic. If that is what you want, add --yes-really."
            )
        if events is not None and events < 1:
            raise CommandError("--events must be at least 1.")
        counts = _parse_sites(sites) if sites is not None else []
        period = _period(months, days, until, seed)
        with stoppable("Rows that are stored stay; run the same command again to resume."):
            if events is None:
                self._show(period, sum(counts), _site_events(period, counts, owner))
            else:
                self._show(period, events, _rows(period, events))

    def _show(self, period: Period, total: int, numbers: Iterator[int]) -> None:
        """Show the progress of a run by the numbers of rows that it yields."""
        with progress_bar(self.stdout, total) as bar:
            for rows in numbers:
                bar.update(rows)
        seconds = max(bar.format_dict["elapsed"], 0.001)
        self.stdout.write("Vacuuming ...")
        self.stdout.flush()
        storage.vacuum()
        self.stdout.write(
            f"{bar.n:,} rows from {period.first} to {period.until} in "
            f"{humanize.precisedelta(round(seconds))}, {bar.n / seconds:,.0f} per second."
        )


def _rows(period: Period, rows: int) -> Iterator[int]:
    yield from run.generate(period, rows, run.prepare(period, rows))


def _site_events(period: Period, events: list[int], owner: str) -> Iterator[int]:
    yield from sites.generate(period, sites.prepare(period, events, owner))


def _parse_sites(text: str) -> list[int]:
    """Return the number of events of each website."""
    counts: list[int] = []
    for part in text.split(","):
        match = SITES.fullmatch(part)
        if match is None:
            raise CommandError(f"'{part}' is not a number of events; write it like 500000x9.")
        counts += [int(match[1])] * int(match[2] or 1)
    if len(counts) > MAX_SITES:
        raise CommandError(f"--sites may be {MAX_SITES} at most.")
    return counts


def _period(months: int | None, days: int | None, until: str | None, seed: int) -> Period:
    if months is not None and not 1 <= months <= MAX_MONTHS:
        raise CommandError(f"--months must be from 1 to {MAX_MONTHS}.")
    if days is not None and not 1 <= days <= MAX_DAYS:
        raise CommandError(f"--days must be from 1 to {MAX_DAYS}.")
    today = datetime.now(UTC).date()
    end = _parse_day(until) if until else today
    if end > today:
        raise CommandError(f"--until {end} is in the future.")
    if days is not None:
        return Period(end - timedelta(days=days), end, seed)
    before = Month(end.year, end.month).plus(-(months or 12))
    return Period(date(before.year, before.month, min(end.day, 28)), end, seed)


def _parse_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"'{text}' is not a day; write it like 2026-11-24.") from None
