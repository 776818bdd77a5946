"""`manage.py upgrade_embedded`: bring the embedded PostgreSQL's data to the installed version."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.db import postgres_upgrade
from config.db.postgres_programs import EmbeddedPostgresError
from config.server.console import size, stoppable

UNCHANGED = "The old data is where it was; run it again to begin anew."


class Command(BaseCommand):
    help = (
        "Copy the data of the embedded PostgreSQL, while serve does not run, to the major version "
        "that is installed now. It needs as much room again; the old data is kept under another "
        "name. Interrupted, it changes nothing."
    )
    requires_system_checks = ()  # some ask the database

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--old-binaries",
            type=Path,
            metavar="PATH",
            help="a directory with the programs of the old version, if they are not installed",
        )

    def handle(self, *, old_binaries: Path | None, **options: Any) -> None:
        if not settings.EMBEDDED:
            raise CommandError("DATABASE_URL is set: upgrade that server by its own means.")
        try:
            with stoppable(UNCHANGED):
                kept = postgres_upgrade.upgrade(
                    settings.VAR_DIR, old_programs=old_binaries, on_database=self._print_database
                )
        except EmbeddedPostgresError as error:
            raise CommandError(str(error)) from error
        if kept is None:
            self.stdout.write("The data is of the installed version: nothing to do.")
        else:
            self.stdout.write(f"Done. The old data is in {kept}: delete it once all is well.")

    def _print_database(self, name: str, bytes: int) -> None:
        self.stdout.write(f"Copying {name} ({size(bytes)}) ...")
        self.stdout.flush()
