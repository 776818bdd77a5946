"""`manage.py retention`: delete rows beyond the age limit of their stream."""

import re
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.events.deleted_websites import unknown_websites
from analytics.reports.derived import visitor_numbers
from analytics.reports.derived.leftovers import delete_leftovers
from analytics.streams import retention
from analytics.streams.base import Stream
from analytics.streams.maintenance import AlreadyRunning, MaintenanceRun, exclusive_run
from analytics.streams.retention import Deleted, Plan, total
from analytics.streams.retention_limits import AppliedRetention, WrongClock, days_kept, trusted_now
from config.api import address_hash
from config.db import uuid7
from config.models import RuntimeSettings
from config.server.console import columns, progress_bar, size, stoppable
from websites.models import DeletedWebsite, Website

STREAMS = {str(model._meta.model_name): model for model in retention.deletion_order()}
MAX_DAYS = 36_500  # as in the runtime settings
MAX_NAMED = 20
STOPPED = "What is deleted stays so; run it again to go on."
CONFIRM = (
    "If it is meant, run manage.py retention --yes, or confirm it in the admin or by manage.py "
    "settings --yes."
)
UNKNOWN = (
    "Rows of {count} websites are kept, which the main database neither has nor says were deleted: "
    "{named}. If they were deleted: manage.py retention --deleted-website <id>."
)


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

        parser.add_argument(
            "--yes",
            action="store_true",
            help="delete more than half of a stream too, for a setting that was shortened",
        )
        parser.add_argument(
            "--only-confirmed",
            action="store_true",
            help="keep such a stream as before, and warn: as the daily run does",
        )
        parser.add_argument(
            "--deleted-website",
            metavar="ID",
            action="append",
            help="only record that an unknown website was deleted, so that its rows go with the "
            "next run; may be repeated",
        )

    def handle(
        self,
        *,
        stream: str | None,
        older_than: str | None,
        dry_run: bool,
        yes: bool,
        only_confirmed: bool,
        deleted_website: list[str] | None,
        **options: Any,
    ) -> None:
        if deleted_website:
            return self._record_deleted(deleted_website, dry_run=dry_run)
        if older_than and not stream:
            raise CommandError("--older-than needs --stream, for it takes the place of a setting.")
        models = [_parse_stream(stream)] if stream else list(STREAMS.values())
        days = _parse_days(older_than) if older_than else None
        try:
            with exclusive_run(retention.NAME), stoppable(STOPPED):
                now = trusted_now()
                plans = self._plan(models, days, now)
                if not (yes or days):
                    plans = self._confirmed(plans, now, only=only_confirmed, dry_run=dry_run)
                self._list(plans)
                if dry_run:
                    self._describe_plans(plans)
                else:
                    self._delete(plans, now, is_complete=not stream, by_settings=not days)
        except (AlreadyRunning, WrongClock) as error:
            raise CommandError(str(error)) from error

    def _plan(self, models: list[type[Stream]], days: int | None, now: datetime) -> list[Plan]:
        self.stdout.write("Counting ...")
        self.stdout.flush()
        row = RuntimeSettings.load()
        return [retention.plan(model, days or days_kept(model, row), now) for model in models]

    def _confirmed(
        self, plans: list[Plan], now: datetime, *, only: bool, dry_run: bool
    ) -> list[Plan]:
        """Return the plans that may be executed; raise CommandError if they need --yes.

        only: those that need it are replaced by plans of as many days as before.
        """
        unconfirmed = {plan.model: found for plan in plans if (found := plan.shortening())}
        if not unconfirmed:
            return plans
        if only:
            for each in unconfirmed.values():
                self.stderr.write(
                    f"{each}. It is kept as before, for nobody has confirmed that. {CONFIRM}"
                )
            return [
                retention.plan(plan.model, unconfirmed[plan.model].before, now)
                if plan.model in unconfirmed
                else plan
                for plan in plans
            ]
        need = f"{'; '.join(map(str, unconfirmed.values()))}. {CONFIRM}"
        if not dry_run:
            raise CommandError(need)
        self.stderr.write(need)
        return plans

    def _list(self, plans: list[Plan]) -> None:
        titles = ("stream", "kept", "rows to go", "partitions", "disk freed", "deleted websites")
        self.stdout.write("\n".join(columns([titles, *map(_row, plans)])))
        if unknown := unknown_websites():
            named = ", ".join(map(str, unknown[:MAX_NAMED]))
            self.stderr.write(UNKNOWN.format(count=len(unknown), named=named))

    def _describe_plans(self, plans: list[Plan]) -> None:
        planned = total(plan.total for plan in plans)
        salts = address_hash.expired().count()
        self.stdout.write(f"{_describe(planned, salts)} would be deleted.")

    def _delete(
        self, plans: list[Plan], now: datetime, *, is_complete: bool, by_settings: bool
    ) -> None:
        deleted = []
        with progress_bar(self.stdout, total(plan.total for plan in plans).rows) as bar:
            for plan in plans:
                for each in plan.execute():
                    deleted.append(each)
                    bar.update(each.rows)
                if by_settings:
                    AppliedRetention.record(plan.model, plan.days, now)
        summary = f"{_describe(total(deleted), address_hash.delete_expired())} deleted"
        if is_complete:
            delete_leftovers()
            websites = Website.objects.order_by("pk").values_list("pk", flat=True)
            visitor_numbers.delete_unused(websites, now.date())
            MaintenanceRun.record(retention.NAME, summary)
        self.stdout.write(f"{summary} in {bar.format_dict['elapsed']:.1f} s.")

    def _record_deleted(self, texts: list[str], *, dry_run: bool) -> None:
        """Record websites as deleted that no version has recorded."""
        unknown = set(unknown_websites())
        ids = {_parse_unknown(text, unknown) for text in texts}
        if dry_run:
            self.stdout.write(f"{len(ids)} would be recorded as deleted.")
            return
        DeletedWebsite.record(ids)
        self.stdout.write(f"{len(ids)} recorded as deleted; the next run deletes their rows.")


def _row(plan: Plan) -> tuple[object, ...]:
    kept = f"{plan.days} days" if plan.days else "for ever"
    planned = plan.total
    name = plan.model._meta.model_name
    return name, kept, planned.rows, planned.months, size(planned.bytes), len(plan.orphans)


def _describe(deleted: Deleted, salts: int) -> str:
    partitions = f"{deleted.months} partitions of {size(deleted.bytes)}"
    return f"{deleted.rows:,} rows, {partitions}, {salts} salts"


def _parse_unknown(text: str, unknown: set[UUID]) -> UUID:
    id = uuid7.parse(text)
    if id not in unknown:
        raise CommandError(f"{text} is no website with rows that the main database does not know.")
    return id


def _parse_stream(name: str) -> type[Stream]:
    if name not in STREAMS:
        raise CommandError(f"There is no stream {name}; there are {', '.join(STREAMS)}.")
    return STREAMS[name]


def _parse_days(text: str) -> int:
    match = re.fullmatch(r"([1-9]\d{0,4})d", text, re.ASCII)
    if match is None or int(match[1]) > MAX_DAYS:
        raise CommandError(f"'{text}' is no number of days; write it like 90d, up to {MAX_DAYS}d.")
    return int(match[1])
