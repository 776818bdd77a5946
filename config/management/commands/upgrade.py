"""`manage.py upgrade`: say what the pending migrations lock, and apply them."""

import sys
from collections.abc import Iterator
from typing import Any

import humanize
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, OperationalError
from psycopg.errors import LockNotAvailable

from config import __version__
from config.db.statement_locks import Waits
from config.server import console, upgrade_plan
from config.server.upgrade_plan import PendingMigration, Step, UnknownHistoryError

PENDING, MUST_STOP = 3, 4  # exit codes of --check; 1 and 2 are those of failures
DONE = "Both databases have all migrations of version {version}."
FIRST = "First back up both databases (config/docs/backup.md)."
OTHER_VERSION = "Install the version that it is of, or restore the backup of this one."
STOP = (
    "Stop serve on all hosts before, and start it afterwards: the version before cannot work, or "
    "might not, once these are done:"
)
GO_ON = (
    "serve may go on meanwhile: run `manage.py upgrade`, then send SIGHUP to serve on each host, "
    "which lets the new version take over without refusing a request."
)


class Command(BaseCommand):
    help = (
        "Apply the pending migrations of both databases, after saying what each locks, and for how "
        "long on the tables as large as they are. Exit code of --check: 0 nothing is pending, 3 "
        "something is and serve may go on meanwhile, 4 serve has to be stopped first."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="only say so; change nothing")

    def handle(self, *, check: bool, **options: Any) -> None:
        found = [self._show(alias) for alias in settings.DATABASES]
        if None in found:
            raise CommandError("Nothing was changed, as not all is known that has to be.")
        pending = [each for plan in found for each in plan or []]
        if not pending:
            self.stdout.write(DONE.format(version=__version__))
            return
        breaks = [each for each in pending if each.breaks]
        if not all(map(upgrade_plan.is_empty, settings.DATABASES)):
            for line in (FIRST, *_advice(breaks)):
                self.stdout.write(line)
        if check:
            sys.exit(MUST_STOP if breaks else PENDING)
        for alias in settings.DATABASES:
            self._migrate(alias)
        self.stdout.write(DONE.format(version=__version__))

    def _migrate(self, alias: str) -> None:
        try:
            call_command("migrate", database=alias, interactive=False, stdout=self.stdout)
        except OperationalError:  # of locks, for which it is tried again, and servers that are away
            raise
        except DatabaseError as error:
            raise CommandError(f"{alias}: {error}\nWhat was applied before stays.") from error

    def _show(self, alias: str) -> list[PendingMigration] | None:
        """Write what a database lacks, and return it; None, with the reason, if nobody knows."""
        try:
            pending = upgrade_plan.plan(alias)
        except UnknownHistoryError as error:
            self.stderr.write(f"{alias}: {error}. {OTHER_VERSION}")
            return None
        except DatabaseError as error:
            if isinstance(error.__cause__, LockNotAvailable):
                raise  # it is tried again
            self.stderr.write(f"{alias}: cannot be asked: {error}")
            return None
        if pending and upgrade_plan.is_empty(alias):
            self.stdout.write(f"{alias}: has no tables yet, {len(pending)} migrations make them")
            return pending
        self.stdout.write(f"{alias}: {len(pending)} pending")
        for migration in pending:
            self.stdout.write(f"  {migration.name}")
            for step in migration.steps:
                self.stdout.write(f"    {step.statement}\n      {_effect(step)}")
        return pending


def _advice(breaks: list[PendingMigration]) -> Iterator[str]:
    if not breaks:
        yield GO_ON
        return
    yield STOP
    for migration in breaks:
        for step in migration.breaks:
            yield f"  {migration.name}: {step.statement}"


def _effect(step: Step) -> str:
    """Return who waits for a step, and for how long."""
    if step.effect.waits is Waits.UNKNOWN:
        return f"{step.effect.waits.value}"
    duration = "for a moment"
    if step.seconds >= 1:
        duration = f"about {humanize.precisedelta(round(step.seconds))}"
    size = console.size(step.bytes)
    return f"{step.table} ({size}): {step.effect.waits.value}, {duration}"
