"""`manage.py import`: events of files into a website"""

import time
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.moving import dates, formats, parquet
from analytics.moving.importing import Import, NoRoom, Report
from analytics.moving.records import Target, UnreadableFile
from analytics.moving.sources import SOURCES
from analytics.reports.derived import rollup
from analytics.streams.locks import TableInUse
from config.api.web_urls import host_of
from config.db import uuid7
from config.server.console import printable, progress_bar, stoppable
from websites.models import Website

AGAIN = "What is imported stays; run it again for the rest, and nothing is added twice."
MAX_REASONS, MAX_REASON = 30, 200  # to leave something out; the characters of one
ROLLUP_SECONDS = 30  # `serve` goes on with what is left


class Command(BaseCommand):
    help = (
        "Import events of files into a website: those of `export`, of other services, and access "
        "logs. Without loss of what is there: an event that was imported before is not added "
        "again. Broken lines are reported, the others imported. Switches and quotas do not count."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", help="may be packed by gzip")
        parser.add_argument(
            "--website", required=True, help="the id, or the tracking code, of the website"
        )
        parser.add_argument(
            "--format",
            choices=SOURCES,
            help="default: millrace for files that end in .jsonl, .csv or .parquet",
        )
        parser.add_argument("--dry-run", action="store_true", help="only say what would happen")
        parser.add_argument(
            "--host", help="of pages of which a file has only the path; default: the website's"
        )
        parser.add_argument(
            "--until", metavar="DATE", help=f"leave out what is later; {dates.DATES}"
        )
        parser.add_argument(
            "--source-website", metavar="ID", help="of Umami: whose events, if there are several"
        )
        parser.add_argument(
            "--new-ids",
            action="store_true",
            help="give events of `export` other ids: for a copy beside the website they are of",
        )

    def handle(self, *, files: list[str], website: str, dry_run: bool, **options: Any) -> None:
        found = Website.objects.named(website)
        if found is None:
            raise CommandError(f"There is no website {website}.")
        host = options["host"] or found.host
        if host_of(f"https://{host}/") is None:
            raise CommandError(f"'{host}' is no host; write it like www.example.com.")
        format = options["format"] or _format_of(files)
        target = Target(found, host, options["source_website"], options["new_ids"])
        until = options["until"]
        end = dates.floor_of(until) if until else uuid7.HIGHEST
        work = Import(found, stores=not dry_run, end=end)
        started = time.monotonic()
        for loss in SOURCES[format].losses:
            self.stdout.write(loss)
        try:
            self._run(work, files, format, target)
        finally:
            self._show(work.report, is_dry_run=dry_run)
        is_done = dry_run or rollup.refresh(found, ROLLUP_SECONDS)
        self.stdout.write(_summary(work.report, dry_run, is_done, time.monotonic() - started))

    def _run(self, work: Import, files: list[str], format: str, target: Target) -> None:
        """Import the files; what is wrong with one as a whole ends it."""
        try:
            with stoppable(AGAIN), progress_bar(self.stdout, None, "lines") as bar:
                for lines in work.run(SOURCES[format].read(files, target)):
                    bar.update(lines)
        except NoRoom as error:
            raise CommandError(f"The disk is full. {AGAIN}") from error
        except TableInUse as error:
            raise CommandError(f"{error} {AGAIN}") from error
        except (UnreadableFile, parquet.NoPyarrow) as error:
            rest = f" {AGAIN}" if work.stores and work.report.new else ""
            raise CommandError(f"{printable(str(error))}{rest}") from error

    def _show(self, report: Report, *, is_dry_run: bool) -> None:
        """Write what was found: losses by their reasons, broken lines, warnings."""
        would = "would be " if is_dry_run else ""
        for line in _lines(report, would):
            self.stdout.write(printable(line))
        for broken in report.first_broken:
            self.stderr.write(printable(f"{broken.place}: {broken.message}"))
        if report.broken > len(report.first_broken):
            self.stderr.write(f"... and {report.broken - len(report.first_broken):,} more")


def _format_of(files: list[str]) -> str:
    if all(formats.format_of(file) for file in files):
        return "millrace"
    raise CommandError(f"Say which --format: {', '.join(SOURCES)}.")


def _lines(report: Report, would: str) -> Iterator[str]:
    """Yield a line for each thing that is worth saying."""
    new = f"{report.new:,} events {would or 'were '}imported"
    if report.first_at and report.last_at:
        new += f", from {report.first_at:%Y-%m-%d %H:%M} to {report.last_at:%Y-%m-%d %H:%M} UTC"
    yield f"{new}."
    yield f"{report.known:,} are there already."
    if report.taken:
        yield (
            f"{report.taken:,} {would or 'were '}left out: their ids belong to events of another "
            "website. --new-ids imports a copy of them."
        )
    for reason, count in report.left.most_common(MAX_REASONS):
        yield f"{count:,} {would or 'were '}left out: {reason:.{MAX_REASON}}."
    if more := report.left.most_common()[MAX_REASONS:]:
        count = sum(count for _, count in more)
        yield f"{count:,} {would or 'were '}left out, for {len(more):,} other reasons."
    if report.broken:
        yield f"{report.broken:,} lines {would or 'were '}left out: broken, see below."
    if report.too_old:
        yield (
            f"WARNING: {report.too_old:,} are older than event_retention_days allows: the next "
            "`retention` deletes them."
        )
    if report.uncounted:
        yield (
            f"WARNING: {report.uncounted:,} are older than what retention has deleted: statistics "
            "do not count them."
        )


def _summary(report: Report, is_dry_run: bool, is_done: bool, seconds: float) -> str:
    if is_dry_run:
        return "Nothing was written. Without --dry-run it is."
    statistics = "and its statistics" if is_done else "its statistics follow by `rollup`"
    return f"{report.new:,} events imported, {statistics}; {seconds:.1f} s."
