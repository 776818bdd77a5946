"""Old and recent events, and the command that deletes the old ones"""

from datetime import UTC, datetime, timedelta
from io import StringIO

from django.core.management import call_command

from analytics.events.models import Event
from config.models import RuntimeSettings

NOW = datetime(2031, 3, 20, 12, tzinfo=UTC)
CUTOFF = NOW - timedelta(days=60)  # 2031-01-19
INSTANT = timedelta(milliseconds=1)
OLD = [
    datetime(2020, 5, 1, tzinfo=UTC),  # its month has no partition
    datetime(2030, 11, 1, tzinfo=UTC),
    datetime(2030, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
    datetime(2031, 1, 1, tzinfo=UTC),
    CUTOFF - INSTANT,
]
RECENT = [CUTOFF, datetime(2031, 1, 31, tzinfo=UTC), datetime(2031, 3, 1, tzinfo=UTC), NOW]


def run_retention(*options):
    out = StringIO()
    call_command("retention", *options, stdout=out)
    return out.getvalue().splitlines()


def warnings_of_retention(*options):
    """Return the lines that the command writes to stderr."""
    err = StringIO()
    call_command("retention", *options, stdout=StringIO(), stderr=err)
    return err.getvalue().splitlines()


def keep_days(**days):
    changes = {f"{name}_retention_days": value for name, value in days.items()}
    RuntimeSettings.load().change(changes, changed_by="ops", confirmed=changes)


def stored_times(model=Event):
    return list(model.objects.order_by("id").values_list("created_at", flat=True))


def table_line(stream, lines):
    """Return what the table says of a stream: rows, partitions, and deleted websites."""
    [line] = [line for line in lines if line.split()[0] == stream]
    cells = line.split()
    return int(cells[-5]), int(cells[-4]), int(cells[-1])
