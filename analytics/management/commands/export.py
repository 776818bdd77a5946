"""`manage.py export`: the events of a website as a file"""

import time
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError

from analytics.moving import dates, export, formats, parquet
from analytics.moving.export_file import ExportFile, FileInTheWay, suggested_format
from analytics.moving.formats import FORMATS, JSON_LINES, PARQUET
from config.api.timestamps import AHEAD_MS
from config.db import uuid7
from config.server.console import printable, progress_bar, stoppable
from websites.models import Website

AGAIN = "Run it again, and it goes on from there."


class Command(BaseCommand):
    help = (
        "Write the events of a website, in the order of their times, as lines of JSON, CSV or "
        "Parquet, each with the client context that came with it. It locks nothing and holds few "
        "rows in memory. What was stopped goes on when it is run again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("website", help="the id, or the tracking code, of a website")
        parser.add_argument("--output", metavar="FILE", help="a new file; default: the terminal")
        parser.add_argument(
            "--format", choices=FORMATS, help="default: by the end of FILE; .gz packs it"
        )
        parser.add_argument("--from", dest="start", metavar="DATE", help=f"{dates.DATES}; included")
        parser.add_argument("--until", dest="end", metavar="DATE", help="the same; excluded")

    def handle(
        self,
        *,
        website: str,
        output: str | None,
        format: str | None,
        start: str | None,
        end: str | None,
        **options: Any,
    ) -> None:
        found = Website.objects.named(website)
        if found is None:
            raise CommandError(f"There is no website {website}.")
        low = dates.floor_of(start) if start else uuid7.LOWEST
        high = dates.floor_of(end) if end else uuid7.floor(uuid7.from_ms(uuid7.now_ms() + AHEAD_MS))
        if high <= low:
            raise CommandError("--until must be after --from.")
        format = format or suggested_format(output) or (None if output else JSON_LINES)
        if format is None:
            raise CommandError(f"Say which --format: {', '.join(FORMATS)}.")
        if output is None:
            return self._print(found, format, low, high)
        try:
            self._write(ExportFile(output, format, found.pk, low, high), format)
        except (FileInTheWay, parquet.NoPyarrow) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.strerror}: {error.filename or output}. {AGAIN}") from error

    def _write(self, file: ExportFile, format: str) -> None:
        if format == PARQUET:
            parquet.require()
        started, rows = time.monotonic(), 0
        with stoppable(AGAIN), progress_bar(self.stdout, None, "events") as bar:
            for written in file.write():
                rows += written
                bar.update(written)
        seconds = time.monotonic() - started
        resumed = f" {file.progress.rows - rows:,} were there." if file.is_resumed else ""
        self.stdout.write(f"{rows:,} events written to {file.path} in {seconds:.1f} s.{resumed}")

    def _print(self, website: Website, format: str, low: UUID, high: UUID) -> None:
        if format == PARQUET:
            raise CommandError("Parquet needs a file: --output FILE.")
        with stoppable("Write to a file, --output FILE, which can go on later."):
            self._put(formats.header(format))
            try:
                for lines in export.pages(website.pk, low, high):
                    self._put(formats.encode(format, lines))
            except OperationalError as error:  # a repeated run would print the first ones twice
                raise CommandError(f"A database does not answer: {error}") from error

    def _put(self, text: bytes) -> None:
        """Write bytes as they are, but what would command a terminal."""
        out: Any = self.stdout
        if out.isatty():
            out.write("\n".join(map(printable, text.decode().splitlines())))
        elif hasattr(out, "buffer"):  # not encoded anew, whatever the locale
            out.buffer.write(text)
            out.flush()
        else:
            out.write(text.decode(), ending="")
