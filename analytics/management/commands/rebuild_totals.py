"""`manage.py rebuild_totals`: mend the running totals of platform events."""

from typing import Any

from django.core.management.base import BaseCommand

from analytics.platform import stats


class Command(BaseCommand):
    help = (
        "Count all platform events, and mend the running totals that differ from the count, as "
        "they may after rows were changed by hand or a part of the database was restored. It reads "
        "every platform event once. It may run while events arrive, and run again."
    )

    def handle(self, **options: Any) -> None:
        self.stdout.write("Counting all platform events ...")
        rebuilt = stats.rebuild()
        self.stdout.write(f"{rebuilt.events} events counted, {rebuilt.mended} totals mended.")
