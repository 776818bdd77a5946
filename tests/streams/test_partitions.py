"""`manage.py partitions`: months, and where rows lie"""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError
from django.db import connections

from analytics.events.models import Event
from analytics.funnel.models import FunnelEvent
from analytics.streams import partitions
from analytics.streams.base import streams
from analytics.streams.partitions import Month
from config.db import uuid7
from config.db.routers import home
from tests.support.events import PATH, event_body, event_of, full_event_of, stored_rows
from tests.support.partitions import partition_of, run_partitions
from tests.support.responses import assert_response, run_concurrently

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

DEFAULT = "analytics_event_default"
JANUARY = "analytics_event_y2031m01"
FEBRUARY = "analytics_event_y2031m02"
OUT_OF_RANGE = "Months of events go from 2015-01 to 2040-11."


# The command


@pytest.fixture(autouse=True)
def _last_moment(clock):
    """Let it be the last moment of November 2030."""
    clock.set(datetime(2030, 11, 30, 23, 59, 59, 999_999, tzinfo=UTC))


def made(*months):
    """Return the output of the command for these months, all of them created."""
    names = [f"{model._meta.db_table}_{month}" for model in streams() for month in months]
    return [f"made {name}" for name in names], f"{len(names)} partitions made"


def test_it_creates_this_month_and_three_more():
    lines, total = made("y2030m11", "y2030m12", "y2031m01", "y2031m02")
    assert run_partitions() == [*lines, f"2030-11 to 2031-02: {total}, the others were there."]
    assert "made analytics_event_y2030m11" in lines
    expected = {"analytics_event_y2030m11", "analytics_event_y2030m12", JANUARY, FEBRUARY}
    assert {DEFAULT, *expected} <= set(partitions.partition_names(Event))


@pytest.mark.parametrize("model", streams(), ids=lambda model: model.__name__)
def test_each_stream_has_its_partitions_where_it_lives(model):
    run_partitions()
    name = f"{model._meta.db_table}_y2031m02"
    assert {f"{model._meta.db_table}_default", name} <= set(partitions.partition_names(model))
    for alias in connections:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name])
            assert cursor.fetchone() == (alias == home(model),)


def test_it_creates_the_requested_months():
    before = partitions.partition_names(Event)
    lines, total = made("y2031m01", "y2031m02")
    assert run_partitions("--from", "2031-01", "--until", "2031-02") == [
        *lines,
        f"2031-01 to 2031-02: {total}, the others were there.",
    ]
    assert partitions.partition_names(Event) == sorted([*before, JANUARY, FEBRUARY])


def test_it_can_be_repeated():
    run_partitions("--from", "2031-01", "--until", "2031-01")
    before = partitions.partition_names(Event)
    assert run_partitions("--from", "2031-01", "--until", "2031-01") == [
        "2031-01 to 2031-01: 0 partitions made, the others were there."
    ]
    assert partitions.partition_names(Event) == before


def test_it_fills_a_gap():
    run_partitions("--from", "2031-01", "--until", "2031-01")
    run_partitions("--from", "2031-03", "--until", "2031-03")
    lines, total = made("y2031m02")
    assert run_partitions("--from", "2031-01", "--until", "2031-03") == [
        *lines,
        f"2031-01 to 2031-03: {total}, the others were there.",
    ]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--from", "soon"], "'soon' is not a month; write it like 2026-11."),
        (["--from", "2031-13"], "'2031-13' is not a month; write it like 2026-11."),
        (["--from", "2031-01", "--until", "2031"], "'2031' is not a month; write it like 2026-11."),
        (["--from", "2031-01-01"], "'2031-01-01' is not a month; write it like 2026-11."),
        (["--from", "0000-01"], "'0000-01' is not a month; write it like 2026-11."),
        (["--from", "2014-12", "--until", "2015-02"], OUT_OF_RANGE),
        (["--from", "0001-01", "--until", "2015-02"], OUT_OF_RANGE),
        (["--from", "2031-01", "--until", "2040-12"], OUT_OF_RANGE),
        (["--from", "2031-01", "--until", "9999-12"], OUT_OF_RANGE),
        (["--from", "2031-02", "--until", "2031-01"], "--until 2031-01 is before --from 2031-02."),
    ],
)
def test_an_invalid_month_is_a_command_error_and_changes_nothing(options, sentence):
    before = partitions.partition_names(Event)
    with pytest.raises(CommandError) as expected:
        run_partitions(*options)
    assert str(expected.value) == sentence
    assert partitions.partition_names(Event) == before


@pytest.mark.django_db(databases=["default", "analytics"], transaction=True)
def test_concurrent_runs_do_not_disturb_each_other():
    month = Month(2031, 1)
    try:
        made = run_concurrently(*[lambda: partitions.create(Event, month)] * 4)
        assert sorted(made) == [False, False, False, True]
        assert JANUARY in partitions.partition_names(Event)
    finally:
        with connections["analytics"].cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {JANUARY}")


# Where rows lie


def test_a_row_goes_into_its_month(put_event):
    run_partitions("--from", "2031-01", "--until", "2031-02")
    first = put_event(datetime(2031, 1, 1, tzinfo=UTC))
    last = put_event(datetime(2031, 1, 31, 23, 59, 59, 999_000, tzinfo=UTC))
    next_month = put_event(datetime(2031, 2, 1, tzinfo=UTC))
    assert [partition_of(id) for id in (first, last, next_month)] == [JANUARY, JANUARY, FEBRUARY]


def test_rows_move_out_of_the_default_partition(put_event):
    times = [
        datetime(2030, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
        datetime(2031, 1, 1, tzinfo=UTC),
        datetime(2031, 1, 31, 23, 59, 59, 999_000, tzinfo=UTC),
        datetime(2031, 2, 1, tzinfo=UTC),
    ]
    events = [put_event(at) for at in times]
    before = stored_rows()
    assert {partition_of(id) for id in events} == {DEFAULT}
    run_partitions("--from", "2031-01", "--until", "2031-01")
    assert [partition_of(id) for id in events] == [DEFAULT, JANUARY, JANUARY, DEFAULT]
    assert stored_rows() == before
    assert len(before) == 4


def test_a_partition_of_rows_that_moved_refers_to_the_users(user):
    id = uuid7.new_id(uuid7.to_ms(datetime(2031, 1, 1, tzinfo=UTC)))
    event = FunnelEvent(
        id=id, created_at=uuid7.time_of(id), user=user, event_type="a", event_data={}
    )
    event.save(force_insert=True)
    run_partitions("--from", "2031-01", "--until", "2031-01")
    partition = "analytics_funnelevent_y2031m01"
    with connections["default"].cursor() as cursor:
        cursor.execute(f"SELECT id FROM {partition}")
        assert cursor.fetchall() == [(id,)]
        cursor.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE conrelid = %s::regclass AND contype = 'f'",
            [partition],
        )
        [[reference]] = cursor.fetchall()
    assert reference == "FOREIGN KEY (user_id) REFERENCES websites_user(id) ON DELETE CASCADE"
    user.delete()
    assert not FunnelEvent.objects.exists()


def test_a_partition_has_the_indexes_of_its_table():
    def indexes(table):
        with connections["analytics"].cursor() as cursor:
            cursor.execute(
                "SELECT regexp_replace(indexdef, '^.* USING ', '') AS columns "
                "FROM pg_indexes WHERE tablename = %s ORDER BY columns",
                [table],
            )
            return [columns for (columns,) in cursor.fetchall()]

    run_partitions("--from", "2031-01", "--until", "2031-01")
    full = [columns.removesuffix(" WITH (fillfactor='97')") for columns in indexes(JANUARY)]
    assert {"btree (id)", "btree (website_id, id)"} <= set(full)
    assert sorted(full) == indexes("analytics_event") == indexes(DEFAULT)


def test_only_indexes_in_the_order_of_ids_that_stay_are_filled():
    run_partitions("--from", "2031-01", "--until", "2031-01")
    with connections["analytics"].cursor() as cursor:
        cursor.execute(
            "SELECT relname, reloptions FROM pg_class WHERE relkind = 'i' "
            "AND relname ~ '^analytics_(event|session)_y2031m01_'"
        )
        fill = dict(cursor.fetchall())
    assert fill[f"{JANUARY}_website_id_id_idx"] == fill[f"{JANUARY}_pkey"] == ["fillfactor=97"]
    assert fill[f"{JANUARY}_hashtext_idx"] is None
    assert fill["analytics_session_y2031m01_pkey"] == ["fillfactor=90"]


@pytest.mark.parametrize(
    ("timestamp", "at"),
    [
        (1_420_070_400_000, "2015-01-01T00:00:00.000Z"),
        (1_430_000_000_123, "2015-04-25T22:13:20.123Z"),
    ],
)
def test_an_event_of_2015_lands_in_the_default_partition_and_is_read_back(
    api, website, timestamp, at
):
    run_partitions("--from", "2026-01", "--until", "2026-12")
    sent = full_event_of(website, timestamp=timestamp)
    id = api.post(PATH, sent).json()["id"]
    assert partition_of(id) == DEFAULT
    body = event_body(sent, website, id=id, at=at) | {"properties": sent["properties"]}
    assert_response(api.get(f"{PATH}/{id}"), 200, body)
    [listed] = api.get(PATH, {"trackingCode": website.tracking_code}).json()["events"]
    assert listed["id"] == id


def test_a_repeated_id_is_found_after_its_row_moved(api, website):
    at = uuid7.to_ms(datetime(2026, 1, 15, tzinfo=UTC))
    sent = event_of(website, id=str(uuid7.new_id(at)))
    api.post(PATH, sent)
    assert partition_of(sent["id"]) == DEFAULT
    run_partitions("--from", "2026-01", "--until", "2026-01")
    assert partition_of(sent["id"]) == "analytics_event_y2026m01"
    assert api.post(PATH, sent).status_code == 200
    assert len(stored_rows()) == 1


# Reads of a time


def scanned(rows):
    """Return the partitions that PostgreSQL reads for a query, whole or their shards."""
    name = r"analytics_event_(?:y\d{4}m\d\d|default)(?!_\D)"
    return set(re.findall(name, rows.explain()))


def test_a_read_of_a_month_skips_all_other_partitions():
    run_partitions("--from", "2031-01", "--until", "2031-03")
    start, end = Month(2031, 1).start, Month(2031, 2).start
    assert scanned(Event.objects.all()) >= {DEFAULT, JANUARY, FEBRUARY}
    assert scanned(Event.objects.between(start, end)) == {JANUARY}
    assert scanned(Event.objects.between(start, end + timedelta(days=1))) == {JANUARY, FEBRUARY}
    assert scanned(Event.objects.between(end, end + timedelta(days=1))) == {FEBRUARY}
    assert JANUARY not in scanned(Event.objects.between(end))
    assert FEBRUARY not in scanned(Event.objects.between(end=end))


def test_between_includes_its_start_and_excludes_its_end(put_event):
    start, end = Month(2031, 1).start, Month(2031, 2).start
    instant = timedelta(milliseconds=1)
    before, first, last, after = (
        put_event(at) for at in (start - instant, start, end - instant, end)
    )

    def found(*bounds):
        return set(Event.objects.between(*bounds).values_list("id", flat=True))

    assert found(start, end) == {first, last}
    assert found(start) == {first, last, after}
    assert found(None, end) == {before, first, last}
    assert found() == {before, first, last, after}
