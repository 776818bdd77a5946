"""The migration that names the table of activity activity_events"""

from datetime import UTC, datetime

import pytest
from django.core.management import call_command
from django.db import OperationalError, connections

from activity.models import ActivityEvent
from analytics.streams import json_columns, partitions
from analytics.streams.partitions import RenamePartitionedTable
from config.db import uuid7
from tests.support.partitions import run_partitions

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

OLD, NEW = "activity_activityevent", "activity_events"
MONTHS = ("y2030m11", "y2030m12", "y2031m01", "y2031m02")
NAMES = """
    SELECT relname FROM pg_class WHERE starts_with(relname, %s)
    UNION SELECT conname FROM pg_constraint WHERE starts_with(conname, %s)
    UNION SELECT typname FROM pg_type WHERE starts_with(typname, %s)
"""


@pytest.fixture
def rows():
    """Call that reads all rows of a table, each with its partition's suffix."""

    def read(table):
        columns = "id, created_at, event_type, path, metadata->>'a'"
        return fetch(
            f"SELECT substr(tableoid::regclass::text, length('{table}') + 2), {columns} "
            f"FROM {table} ORDER BY id"
        )

    return read


@pytest.fixture
def months(clock):
    """Store a row in each of four months, and one beyond them; undo later migrations."""
    clock.set(datetime(2030, 11, 15, tzinfo=UTC))
    run_partitions("--from", "2030-11", "--until", "2031-02")
    for at in [(2030, 11, 1), (2030, 12, 31), (2031, 1, 1), (2031, 2, 28), (2031, 3, 1)]:
        put_row(datetime(*at, tzinfo=UTC))
    migrate("0002")


def put_row(at):
    """Store a row of a time."""
    id = uuid7.new_id(uuid7.to_ms(at))
    ActivityEvent.objects.create(
        id=id,
        created_at=at,
        event_type="frontend_click",
        method="FRONTEND",
        path="/é",
        status_code=202,
        duration_ms=0,
        metadata={"a": 1},
    )


def fetch(query, *values):
    with connections["analytics"].cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


def names_after(table):
    """Return what PostgreSQL calls tables, indexes, constraints and types, without the table."""
    return {name.removeprefix(table) for (name,) in fetch(NAMES, table, table, table)}


def migrate(name):
    call_command("migrate", "activity", name, database="analytics", verbosity=0)


@pytest.mark.usefixtures("months")
def test_rows_partitions_indexes_and_constraints_move_back_and_forth(rows):
    names, before = names_after(NEW), rows(NEW)
    assert [partition for partition, *_ in before] == [*MONTHS, "default"]
    assert {"", "_pkey", "_default", "_default_pkey", "_y2031m01", "_y2031m01_pkey"} <= names
    assert {"_default_hashtext_id_idx", "_y2031m01_hashtext_id_idx"} <= names
    migrate("0001")
    assert (names_after(OLD), names_after(NEW)) == (names, set())
    assert rows(OLD) == before
    migrate("0002")
    assert (names_after(NEW), names_after(OLD)) == (names, set())
    assert rows(NEW) == before


@pytest.mark.usefixtures("months")
def test_months_that_the_old_table_had_are_found_and_new_ones_are_made():
    migrate("0001")
    migrate("0002")
    run_partitions("--from", "2030-11", "--until", "2031-03")
    found = [f"{NEW}_{month}" for month in (*MONTHS, "y2031m03")]
    assert set(partitions.partition_names(ActivityEvent)) >= {*found, f"{NEW}_default"}
    put_row(datetime(2031, 3, 2, tzinfo=UTC))
    [[in_march]] = fetch(f"SELECT count(*) FROM {NEW}_y2031m03")
    assert in_march == 2  # the one of the default partition, too


@pytest.mark.usefixtures("months")
def test_what_other_tables_are_called_stays():
    before = names_after("analytics_")
    migrate("0001")
    assert names_after("analytics_") == before


@pytest.mark.parametrize("partition", ["", "_default"])
def test_a_table_in_use_is_not_waited_for(foreign, monkeypatch, partition):
    monkeypatch.setattr(json_columns, "MAX_BYTES", -1)  # later migrations lock nothing
    monkeypatch.setattr(RenamePartitionedTable, "lock_timeout", "50ms")
    foreign.execute(f"LOCK TABLE ONLY {NEW}{partition} IN ACCESS SHARE MODE")
    with pytest.raises(OperationalError, match="lock timeout"):
        migrate("0001")
    assert "_default_pkey" in names_after(NEW)
    foreign.rollback()
    migrate("0001")
    assert names_after(NEW) == set()
