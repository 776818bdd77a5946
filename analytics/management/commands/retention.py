"""`manage.py retention`: delete rows beyond the age limit of their stream."""

import re
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.reports.derived import visitor_numbers
from analytics.reports.derived.leftovers import delete_leftovers
from analytics.streams import retention
from analytics.streams.base import Stream
from analytics.streams.maintenance import AlreadyRunning, MaintenanceRun, exclusive_run
from analytics.streams.retention import Deleted, Plan, total
from config.api import address_hash
from config.db import uuid7
from config.models import RuntimeSettings
from config.server.console import columns, progress_bar, size, stoppable
from websites.models import Website

STREAMS = {str(model._meta.model_name): model for model in retention.deletion_order()}
MAX_DAYS = 36_500  # as in the runtime settings


class Command(BaseCommand):
    help = (
        "Delete the rows of each stream that are older than the days of its runtime setting (see "
        "manage.py settings), the events of deleted websites, and expired salts. Run it daily. It "
        "may be interrupted at any time and run again, and no writer has to wait for it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--stream", metavar="NAME", help=f"only one of {', '.join(STREAMS)}")
        parser.add_argument(
            "--older-than", metavar="90d", help="days instead of the setting; needs --stream"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="only count what would be deleted"
        )

    def handle(
        self, *, stream: str | None, older_than: str | None, dry_run: bool, **options: Any
    ) -> None:
        if older_than and not stream:
            raise CommandError("--older-than needs --stream, for it takes the place of a setting.")
        models = [_parse_stream(stream)] if stream else list(STREAMS.values())
        days = _parse_days(older_than) if older_than else None
        try:
            with (
                exclusive_run(retention.NAME),
                stoppable("What is deleted stays so; run it again to go on."),
            ):
                plans = self._plan(models, days)
                if dry_run:
                    planned = total(plan.total for plan in plans)
                    salts = address_hash.expired().count()
                    self.stdout.write(f"{_describe(planned, salts)} would be deleted.")
                else:
                    self._delete(plans, is_complete=stream is None)
        except (AlreadyRunning, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from error

    def _plan(self, models: list[type[Stream]], days: int | None) -> list[Plan]:
        """Plan the deletions, and list them."""
        self.stdout.write("Counting ...")
        self.stdout.flush()
        row, now = RuntimeSettings.load(), uuid7.now()
        plans = [
            retention.plan(model, days or retention.days_kept(model, row), now) for model in models
        ]
        titles = ("stream", "kept", "rows to go", "partitions", "disk freed", "deleted websites")
        self.stdout.write("\n".join(columns([titles, *map(_row, plans)])))
        return plans

    def _delete(self, plans: list[Plan], *, is_complete: bool) -> None:
        deleted = []
        with progress_bar(self.stdout, total(plan.total for plan in plans).rows) as bar:
            for plan in plans:
                for each in plan.execute():
                    deleted.append(each)
                    bar.update(each.rows)
        summary = f"{_describe(total(deleted), address_hash.delete_expired())} deleted"
        if is_complete:
            delete_leftovers(uuid7.now())
            websites = Website.objects.order_by("pk").values_list("pk", flat=True)
            visitor_numbers.delete_unused(websites, uuid7.now().date())
            MaintenanceRun.record(retention.NAME, summary)
        self.stdout.write(f"{summary} in {bar.format_dict['elapsed']:.1f} s.")


def _row(plan: Plan) -> tuple[object, ...]:
    kept = f"{plan.days} days" if plan.days else "for ever"
    planned = plan.total
    name = plan.model._meta.model_name
    return name, kept, planned.rows, planned.months, size(planned.bytes), len(plan.orphans)


def _describe(deleted: Deleted, salts: int) -> str:
    partitions = f"{deleted.months} partitions of {size(deleted.bytes)}"
    return f"{deleted.rows:,} rows, {partitions}, {salts} salts"


def _parse_stream(name: str) -> type[Stream]:
    if name not in STREAMS:
        raise CommandError(f"There is no stream {name}; there are {', '.join(STREAMS)}.")
    return STREAMS[name]


def _parse_days(text: str) -> int:
    match = re.fullmatch(r"([1-9]\d{0,4})d", text, re.ASCII)
    if match is None or int(match[1]) > MAX_DAYS:
        raise CommandError(f"'{text}' is no number of days; write it like 90d, up to {MAX_DAYS}d.")
    return int(match[1])
