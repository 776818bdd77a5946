"""`manage.py distribute`: spread the analytics tables over the nodes of a Citus cluster."""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import humanize
from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.streams import distribution
from analytics.streams.distribution import CannotDistribute, Step
from config.server.console import columns, progress_bar, size, stoppable

SHARDS = 32  # of a table; Citus's own default, enough for some ten nodes
MAX_SHARDS = 1024
# Estimates.
BYTES_PER_SECOND = 10 << 20
SHARDS_PER_SECOND = 60
AGAIN = "Tables that are done stay so; run it again for the rest."


class Command(BaseCommand):
    help = (
        "Spread the tables of the analytics database over the nodes of a Citus cluster, whose "
        "coordinator ANALYTICS_DATABASE_URL names. It may be interrupted and repeated. While a "
        "table is copied its rows can be read, and new ones wait or go to the journal."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="only say what would be done, and how long"
        )
        parser.add_argument(
            "--shards", type=int, default=SHARDS, help=f"of each table; default: {SHARDS}"
        )

    def handle(self, *, dry_run: bool, shards: int, **options: Any) -> None:
        if not 1 <= shards <= MAX_SHARDS:
            raise CommandError(f"--shards goes from 1 to {MAX_SHARDS}.")
        try:
            nodes, steps = distribution.nodes(), distribution.steps()
        except CannotDistribute as error:
            raise CommandError(f"{error} Nothing is changed.") from error
        self.stdout.write(f"Nodes: {', '.join(nodes)}")
        self._show(steps, shards)
        if dry_run:
            return
        with stoppable(AGAIN):
            distribution.share_functions()
            self._execute(steps, shards)
        self.stdout.write(f"{len(steps)} tables distributed, the others were.")

    def _show(self, steps: Sequence[Step], shards: int) -> None:
        table = [(step.placement.table, step.rows, size(step.bytes), _task(step)) for step in steps]
        if table:
            self.stdout.write("\n".join(columns([("table", "rows", "size", "goes"), *table])))
        total = sum(step.bytes for step in steps)
        made = sum(step.new_shards(shards) for step in steps)
        seconds = total / BYTES_PER_SECOND + made / SHARDS_PER_SECOND
        self.stdout.write(
            f"{len(steps)} tables to distribute, {size(total)}: about "
            f"{humanize.naturaldelta(timedelta(seconds=seconds))}."
        )

    def _execute(self, steps: Sequence[Step], shards: int) -> None:
        with progress_bar(self.stdout, sum(step.bytes for step in steps), "bytes") as bar:
            for step in steps:
                started = time.monotonic()
                step.execute(shards)
                bar.update(step.bytes)
                seconds = time.monotonic() - started
                self.stdout.write(f"{step.placement.table}: {_task(step)}, {seconds:.1f} s")


def _task(step: Step) -> str:
    return "copied before; to be emptied here" if step.is_distributed else str(step.placement)
