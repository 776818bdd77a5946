"""`manage.py erase_person`: erase everything that is stored about a person."""

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.people import erasure
from analytics.people.person import WEBSITE, WHO, NoPerson, Person, find
from analytics.reports.derived.visitor_erasure import WebsiteBusy
from config.api.errors import Forbidden
from config.server.console import columns, progress_bar, stoppable

AGAIN = "What is erased stays so; run it again to go on."


class Command(BaseCommand):
    help = (
        "Count what both databases hold about a person; with --yes erase it, in small "
        "transactions for which no writer waits. The last line is a receipt without personal "
        "data. It may be stopped, repeated, and run while the service takes in events."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("person", help=WHO)
        parser.add_argument("--website", metavar="ID", help=WEBSITE)
        parser.add_argument("--yes", action="store_true", help="erase it")
        parser.add_argument("--dry-run", action="store_true", help="only count, as without --yes")

    def handle(
        self, *, person: str, website: str | None, yes: bool, dry_run: bool, **options: Any
    ) -> None:
        found = _find(person, website)
        counts = erasure.count(found)
        rows = [(table, count) for table, count in sorted(counts.items())]
        self.stdout.write("\n".join(columns([("table", "rows"), *rows])))
        if yes and not dry_run:
            self._erase(found, counts.total())
        else:
            self.stdout.write(f"{counts.total():,} rows would be erased; --yes erases them.")

    def _erase(self, person: Person, rows: int) -> None:
        erased: Counter[str] = Counter()
        try:
            with stoppable(AGAIN), progress_bar(self.stdout, rows) as bar:
                for table, count in erasure.erase(person):
                    erased[table] += count
                    bar.update(count)
        except Forbidden as error:
            raise CommandError(error.message) from error
        except WebsiteBusy as error:
            raise CommandError(f"A website is in use for long. {AGAIN}") from error
        self.stdout.write(erasure.receipt(person, +erased))


def _find(person: str, website: str | None) -> Person:
    try:
        return find(person, website)
    except NoPerson as error:
        raise CommandError(str(error)) from error
