"""`manage.py replay_journal`: store what a host that is gone has left in its journal."""

import sqlite3
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from analytics.ingest.spool import replay
from analytics.ingest.spool.inspection import NoJournal, require_journal
from analytics.ingest.spool.journal import Journal, is_damage
from analytics.ingest.spool.replay import Replayed
from config.server.console import printable, size, stoppable

LEFT = (
    "{rows:,} rows are still in the journal: a database is away or full, or `serve` runs on this "
    "folder. Run it again."
)
DAMAGED = "The journal is damaged: only what can be read of it is stored."
AGAIN = "What is stored stays, the rest is in the journal; run it again."


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
        try:
            if not (journal.path.exists() or journal.damaged()):
                raise CommandError(f"There is no journal in {folder}.")
            self.stdout.write(_waiting(journal))
            if not dry_run:
                self._replay(journal)
        except NoJournal as error:
            raise CommandError(printable(f"{journal.path} is not replayed. {error}.")) from error
        except (sqlite3.Error, OSError) as error:
            raise CommandError(f"The journal cannot be read or written: {error}") from error

    def _replay(self, journal: Journal) -> None:
        with stoppable(AGAIN):
            done = replay.replay_from(journal)
            done += replay.replay_from(journal)  # if it was damaged, and is put aside by now
        rows = journal.state().rows if journal.path.exists() else 0
        if rows:
            self.stdout.write(_summary(done))
            raise CommandError(LEFT.format(rows=rows))
        self.stdout.write(f"{_summary(done)} No row waits there any more.")


def _waiting(journal: Journal) -> str:
    """Return what waits in a journal, of which a damaged one does not tell the rows."""
    try:
        if journal.path.exists():
            require_journal(journal.path, [*connections])
        state = journal.state()
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        return DAMAGED
    waits = f"{state.rows:,} rows wait, {size(state.bytes)}."
    return f"{waits} {DAMAGED}" if journal.damaged() else waits


def _summary(done: Replayed) -> str:
    if not done.rejected:
        return f"{done.stored:,} rows stored."
    return (
        f"{done.stored:,} rows stored; {done.rejected:,} are refused, which the admin shows under "
        "Rejected rows."
    )
