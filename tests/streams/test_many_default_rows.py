"""`manage.py partitions`: many rows in a default partition move while others write"""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError
from django.db import connections

from analytics.events.models import Event
from analytics.funnel.models import FunnelEvent
from analytics.streams import default_partition, locks, partitions
from analytics.streams.partitions import Month
from config.db import uuid7
from config.db.routers import home
from tests.support.cleanup import drop_partitions
from tests.support.databases import connect_to_analytics
from tests.support.events import PATH, event_of, stored_rows
from tests.support.partitions import partition_of, run_partitions

pytestmark = pytest.mark.django_db(databases=["default", "analytics"], transaction=True)

DEFAULT = "analytics_event_default"
MONTHS = [Month(2020, 5), Month(2020, 6), Month(2022, 1)]
TIMES = [month.start + timedelta(days=n) for month in MONTHS for n in (0, 3, 27)]
TOO_OLD = datetime(2014, 12, 31, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _many_rows(monkeypatch):
    """Let no default partition pass for small, and copy it by small steps."""
    monkeypatch.setattr(partitions, "SMALL_BYTES", -1)
    monkeypatch.setattr(default_partition, "BATCH_ROWS", 2)
    yield
    drop_partitions()


def names(model=Event):
    """Return the names of all tables, indexes, constraints, functions that are named after one."""
    table = model._meta.db_table
    with connections[home(model)].cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE starts_with(relname, %s) UNION "
            "SELECT proname FROM pg_proc WHERE starts_with(proname, %s)",
            [f"{table}_", f"{table}_"],
        )
        return {name for (name,) in cursor.fetchall()}


def left_over():
    return {name for name in names() if name.endswith(("_changes", "_old", "_note_change"))}


def meddle_before(statement, meddle):
    """Do something before the first of some statements of the command."""
    done: list[str] = []

    def watch(execute, sql, params, many, context):
        if statement in sql and not done:
            done.append(sql)
            meddle()
        return execute(sql, params, many, context)

    return connections["analytics"].execute_wrapper(watch)


def test_rows_of_all_months_move_and_the_others_stay(put_event):
    ids = [put_event(at) for at in (*TIMES, TOO_OLD)]
    before = stored_rows()
    assert list(partitions.create_all(Event, MONTHS)) == MONTHS
    assert [partition_of(id)[-8:] for id in ids] == [
        *["y2020m05"] * 3, *["y2020m06"] * 3, *["y2022m01"] * 3, DEFAULT[-8:],
    ]  # fmt: skip
    assert stored_rows() == before
    assert left_over() == set()
    assert list(partitions.create_all(Event, MONTHS)) == []


@pytest.mark.parametrize("statement", ["ANALYZE", 'LOCK TABLE ONLY "analytics_event" '])
def test_what_changes_meanwhile_is_right_in_the_end(put_event, statement):
    kept, changed, deleted = (put_event(at) for at in TIMES[:3])

    def meddle():
        with connect_to_analytics(autocommit=True) as other:
            other.execute("UPDATE analytics_event SET os = 'Plan 9' WHERE id = %s", [changed])
            other.execute("DELETE FROM analytics_event WHERE id = %s", [deleted])
            other.execute(
                "INSERT INTO analytics_event SELECT %s, %s, website_id, event_type, url, referrer, "
                "session_id, visitor_id, device_type, browser, os, location, properties "
                "FROM analytics_event WHERE id = %s",
                [late, TIMES[1], kept],
            )

    late = uuid7.new_id(uuid7.to_ms(TIMES[1]))
    with meddle_before(statement, meddle):
        partitions.create(Event, MONTHS[0])
    found = dict(Event.objects.values_list("id", "os"))
    assert found == {kept: None, changed: "Plan 9", late: None}
    assert {partition_of(id)[-8:] for id in found} == {"y2020m05"}


def test_a_late_event_and_a_repeated_one_find_their_partition(put_event, api, website):
    sent = event_of(website, id=str(uuid7.new_id(uuid7.to_ms(TIMES[0]))))
    api.post(PATH, sent)
    partitions.create(Event, MONTHS[0])
    assert api.post(PATH, sent)["X-Event-Outcome"] == "duplicate"
    late = api.post(PATH, event_of(website, timestamp=uuid7.to_ms(TIMES[1]))).json()["id"]
    assert partition_of(late)[-8:] == "y2020m05"
    other = api.post(PATH, event_of(website, timestamp=uuid7.to_ms(TIMES[-1]))).json()["id"]
    assert partition_of(other) == DEFAULT


def test_indexes_and_references_are_those_of_the_table(user):
    id = uuid7.new_id(uuid7.to_ms(TIMES[0]))
    FunnelEvent.objects.create(id=id, created_at=TIMES[0], user=user, event_type="a", event_data={})
    partitions.create(FunnelEvent, MONTHS[0])
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text, array_agg(pg_get_constraintdef(oid) ORDER BY 1) "
            "FROM pg_constraint WHERE conrelid::regclass::text ~ '^analytics_funnelevent' "
            "AND contype <> 'n' GROUP BY 1"
        )
        constraints = dict(cursor.fetchall())
        cursor.execute(
            "SELECT tablename, array_agg(regexp_replace(indexdef, '^.* USING ', '') ORDER BY 1) "
            "FROM pg_indexes WHERE tablename ~ '^analytics_funnelevent' GROUP BY 1"
        )
        indexes = dict(cursor.fetchall())
    for found in (constraints, indexes):
        assert len(found) == 3
        assert len({tuple(sorted(each)) for each in found.values()}) == 1
    user.delete()
    assert not FunnelEvent.objects.exists()


def test_months_to_come_are_attached_without_moving_anything(put_event, clock):
    id = put_event(TIMES[0])
    clock.set(datetime(2030, 11, 15, tzinfo=UTC))
    partitions.create(Event, Month(2031, 2))
    assert partition_of(id) == DEFAULT
    assert partition_of(put_event(datetime(2031, 2, 1, tzinfo=UTC)))[-8:] == "y2031m02"
    put_event(datetime(2031, 3, 1, tzinfo=UTC))  # no constraint is left


@contextmanager
def reader():
    """Keep the table in use."""
    with connect_to_analytics() as other:
        other.execute("SELECT 1 FROM analytics_event LIMIT 1")
        yield
        other.rollback()


def test_a_table_that_is_in_use_for_long_stays_as_it_is(put_event, monkeypatch):
    monkeypatch.setattr(locks, "ATTEMPTS", 2)
    monkeypatch.setattr(locks, "PAUSE_SECONDS", 0)
    ids = [put_event(at) for at in TIMES]
    before = names()
    with reader(), pytest.raises(CommandError, match=r"^analytics_event is in use without a pause"):
        run_partitions("--from", "2020-05", "--until", "2020-05")
    assert names() - before == {"analytics_event_note_change"}  # of a trigger that is disabled
    assert {partition_of(id) for id in ids} == {DEFAULT}
    put_event(TIMES[0])
    partitions.create(Event, MONTHS[0])
    assert left_over() == set()
    assert partition_of(ids[0])[-8:] == "y2020m05"


def test_a_run_that_was_killed_is_cleaned_up_by_the_next_one(put_event):
    ids = [put_event(at) for at in TIMES]
    with connections["analytics"].cursor() as cursor:
        for name in ("changes", "default_new", "y2019m01_new"):
            cursor.execute(f"CREATE TABLE analytics_event_{name} (id uuid)")
        cursor.execute("CREATE TABLE analytics_event_backup_new (id uuid)")
    partitions.create(Event, MONTHS[0])
    assert partition_of(ids[0])[-8:] == "y2020m05"
    assert left_over() == set()
    assert {name for name in names() if name.endswith("_new")} == {"analytics_event_backup_new"}
    with connections["analytics"].cursor() as cursor:
        cursor.execute("DROP TABLE analytics_event_backup_new")
