"""Make the monthly partitions of the event tables ahead of time."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics import partitions
from analytics.models.streams import streams
from analytics.partitions import MONTHS_AHEAD, Month
from config import ids
from config.serializers import EARLIEST_MS

FIRST_MONTH = Month.of(ids.moment(EARLIEST_MS))
MAX_MONTHS_AHEAD = 120  # a slip of the pen must not make a hundred thousand tables


class Command(BaseCommand):
    help = "Make the monthly partitions of all event tables. Run it daily; it is safe to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="first", metavar="YYYY-MM", help="default: this month")
        parser.add_argument(
            "--until", metavar="YYYY-MM", help=f"default: {MONTHS_AHEAD} months from now"
        )

    def handle(self, *, first: str | None, until: str | None, **options: Any) -> None:
        this_month = Month.of(datetime.now(UTC))
        start = _month(first) if first else this_month
        end = _month(until) if until else this_month.plus(MONTHS_AHEAD)
        if end < start:
            raise CommandError(f"--until {end} is before --from {start}.")
        last = this_month.plus(MAX_MONTHS_AHEAD)
        if start < FIRST_MONTH or end > last:
            raise CommandError(f"Months of events go from {FIRST_MONTH} to {last}.")
        made = 0
        for model in streams():
            for month in start.until(end):
                if partitions.create(model, month):
                    made += 1
                    self.stdout.write(f"made {partitions.partition_name(model, month)}")
        self.stdout.write(f"{start} to {end}: {made} partitions made, the others were there.")


def _month(text: str) -> Month:
    try:
        return Month.parse(text)
    except ValueError:
        raise CommandError(f"'{text}' is not a month; write it like 2026-11.") from None
