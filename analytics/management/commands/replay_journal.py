"""`manage.py replay_journal`: store what a host that is gone has left in its journal."""

import sqlite3
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.ingest.spool import replay
from analytics.ingest.spool.journal import Journal, is_damage
from config.server.console import size

LEFT = (
    "{rows:,} rows are still in the journal: a database is away, or `serve` runs on this folder. "
    "Run it again."
)


class Command(BaseCommand):
    help = (
        "Store the rows that wait in the journal of another host that will not serve again, given "
        "its folder VAR_DIR/spool or a copy of it, which has to be writable. Each row is stored "
        "once, however often this runs and whatever that host has stored itself. It may be "
        "stopped at any time, and run while others serve."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="only say what waits there")

    def handle(self, *, folder: Path, dry_run: bool, **options: Any) -> None:
        journal = Journal(folder, max_bytes=settings.SPOOL_BYTES)
        if not (journal.path.exists() or journal.damaged()):
            raise CommandError(f"There is no journal in {folder}.")
        try:
            self.stdout.write(_waiting(journal))
            if dry_run:
                return
            stored = replay.replay_from(journal)
            stored += replay.replay_from(journal)  # if it was damaged, and is put aside by now
            left = journal.state().rows if journal.path.exists() else 0
        except (sqlite3.Error, OSError) as error:
            raise CommandError(f"The journal cannot be read: {error}") from error
        if left:
            raise CommandError(LEFT.format(rows=left))
        self.stdout.write(f"{stored:,} rows stored; the folder may be deleted.")


def _waiting(journal: Journal) -> str:
    """Return what waits in a journal, of which a damaged one does not tell the rows."""
    try:
        state = journal.state()
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        return "The journal is damaged: what can be read of it is stored."
    return f"{state.rows:,} rows wait, {size(state.bytes)}."
