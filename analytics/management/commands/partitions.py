"""`manage.py partitions`: create the monthly partitions of the event tables, or list them."""

from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.streams import partitions
from analytics.streams.base import Stream, streams
from analytics.streams.locks import TableInUse
from analytics.streams.maintenance import MaintenanceRun
from analytics.streams.partitions import MONTHS_AHEAD, Month
from config.api.timestamps import EARLIEST_MS
from config.db import uuid7
from config.server.console import columns, size, stoppable

FIRST_MONTH = Month.of(uuid7.from_ms(EARLIEST_MS))
MAX_MONTHS_AHEAD = 120  # a typing error must not create a hundred thousand tables
MAX_MONTHS_MOVED = 60  # of one stream, by one run


class Command(BaseCommand):
    help = (
        "Create the monthly partitions of all event tables. Run it daily; it is safe to repeat and "
        "may be interrupted. A row of a month without a partition is in the default one, and moves "
        "when its month is created."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="first", metavar="YYYY-MM", help="default: this month")
        parser.add_argument(
            "--until", metavar="YYYY-MM", help=f"default: {MONTHS_AHEAD} months from now"
        )
        parser.add_argument(
            "--move",
            action="store_true",
            help="also create the months of rows in default partitions, the newest first, up to "
            f"{MAX_MONTHS_MOVED} of each stream",
        )
        parser.add_argument(
            "--list",
            dest="only_list",
            action="store_true",
            help="only list the partitions, their rows and sizes",
        )

    def handle(
        self, *, first: str | None, until: str | None, move: bool, only_list: bool, **options: Any
    ) -> None:
        if only_list:
            return self._list()
        this_month = Month.of(datetime.now(UTC))
        start = _parse_month(first) if first else this_month
        end = _parse_month(until) if until else this_month.plus(MONTHS_AHEAD)
        if end < start:
            raise CommandError(f"--until {end} is before --from {start}.")
        last = this_month.plus(MAX_MONTHS_AHEAD)
        if start < FIRST_MONTH or end > last:
            raise CommandError(f"Months of events go from {FIRST_MONTH} to {last}.")
        try:
            with stoppable("What is made stays so; run it again for the rest."):
                moved = self._create_for_default_rows(last) if move else 0
                created = self._create_months(start, end)
        except TableInUse as error:
            raise CommandError(str(error)) from error
        self._warn_of_default_rows()
        is_daily = first is None and until is None
        also = f" {moved} more for rows in default partitions." if move else ""
        summary = f"{start} to {end}: {created} partitions made, the others were there.{also}"
        if is_daily:
            MaintenanceRun.record("partitions", summary)
        self.stdout.write(summary)

    def _create_months(self, start: Month, end: Month) -> int:
        return sum(self._create(model, list(start.until(end))) for model in streams())

    def _create_for_default_rows(self, last: Month) -> int:
        """Create the months of rows in default partitions, within the range of event times."""
        moved = 0
        for model in streams():
            months = [month for month, _ in partitions.months_in_default(model)]
            within = [month for month in months if FIRST_MONTH <= month <= last]
            moved += self._create(model, within[: -MAX_MONTHS_MOVED - 1 : -1])
        return moved

    def _create(self, model: type[Stream], months: Sequence[Month]) -> int:
        created = 0
        for month in partitions.create_all(model, months):
            self.stdout.write(f"made {partitions.partition_name(model, month)}")
            self.stdout.flush()
            created += 1
        return created

    def _warn_of_default_rows(self) -> None:
        for model in streams():
            months = list(partitions.months_in_default(model))
            if months:
                rows = sum(count for _, count in months)
                self.stderr.write(
                    f"{partitions.default_name(model)} holds {rows:,} rows of {len(months)} months "
                    f"from {months[0][0]} to {months[-1][0]}; manage.py partitions --move gives "
                    "them partitions."
                )

    def _list(self) -> None:
        table: list[tuple[object, ...]] = [("stream", "month", "rows", "size")]
        rows, bytes = 0, 0
        for model in streams():
            in_default = sum(count for _, count in partitions.months_in_default(model))
            for each in partitions.list_partitions(model):
                count = in_default if each.is_default else each.rows
                month = "default" if each.is_default else each.month
                table.append((model._meta.model_name, month, count, size(each.bytes)))
                rows, bytes = rows + count, bytes + each.bytes
        self.stdout.write("\n".join(columns(table)))
        self._warn_of_default_rows()
        self.stdout.write(
            f"{len(table) - 1} partitions, about {rows:,} rows, {size(bytes)}. Rows of months are "
            "estimates of PostgreSQL, those of default partitions are counted."
        )


def _parse_month(text: str) -> Month:
    try:
        return Month.parse(text)
    except ValueError:
        raise CommandError(f"'{text}' is not a month; write it like 2026-11.") from None
