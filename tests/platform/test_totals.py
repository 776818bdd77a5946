"""Running totals of platform events"""

from datetime import UTC, datetime, timedelta
from io import StringIO
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import connections, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.collect.models import CollectedEvent
from analytics.ingest import writer
from analytics.platform.ingest import TABLE
from analytics.platform.models import Category, PlatformEvent, PlatformEventRow
from analytics.platform.totals import PlatformHour, PlatformTotal
from analytics.streams import partitions
from config.api.outcomes import Outcome
from config.db import uuid7
from tests.support.databases import terminate_other_connections
from tests.support.platform import assert_totals_are_exact, full_counts, stored_totals
from tests.support.responses import run_concurrently

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])
IN_TRANSACTIONS = pytest.mark.django_db(databases=["default", "analytics"], transaction=True)

AT = datetime(2026, 1, 28, 20, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
USER = UUID("019c0630-fe00-7d71-bb46-7075e0512424")
REFUSED = "x" * 101  # a name that is longer than its column


def row(category="auth", at=AT, *, name="a", id=None):
    """Return a row of an event."""
    id = id or uuid7.new_id(uuid7.to_ms(at))
    values = (id, at, USER, name, category, "medium", "{}")
    return PlatformEventRow(*values, *[None] * 5)


def rebuild():
    """Rebuild the totals; return the last line of what is said."""
    out = StringIO()
    call_command("rebuild_totals", stdout=out)
    return out.getvalue().splitlines()[-1]


# Events of a few hours, some of which are known or refused


KINDS = st.tuples(
    st.sampled_from(Category.values),
    st.integers(0, 4),  # the hour
    st.sampled_from(["a", "a", "a", REFUSED]),
    st.integers(0, 12),  # the number of the id
)
GROUPS = st.lists(st.lists(KINDS, min_size=1, max_size=8), max_size=6)


@settings(max_examples=25, deadline=None)
@given(GROUPS)
def test_totals_equal_a_full_count_after_every_group(groups):
    for model in (PlatformEvent, PlatformTotal, PlatformHour):
        model.objects.all().delete()
    for kinds in groups:
        rows = [
            row(category, AT + hour * HOUR, name=name, id=UUID(int=uuid7.floor(AT).int + number))
            for category, hour, name, number in kinds
        ]
        writer.write(TABLE, rows)
        assert stored_totals() == full_counts()
    assert rebuild() == f"{PlatformEvent.objects.count()} events counted, 0 totals mended."


def test_neither_duplicates_nor_rejected_rows_are_counted():
    known, good = row("auth"), row("error")
    writer.write(TABLE, [known])
    written = writer.write(TABLE, [known, good, good, row(name=REFUSED), known])
    result = [
        Outcome.DUPLICATE,
        Outcome.STORED,
        Outcome.DUPLICATE,
        Outcome.WRITE_FAILED,
        Outcome.DUPLICATE,
    ]
    assert written == result
    assert stored_totals() == ({"auth": 1, "error": 1}, {("auth", AT): 1, ("error", AT): 1})


def test_hours_are_those_of_utc():
    writer.write(
        TABLE, [row(at=AT - timedelta(milliseconds=1)), row(at=AT + timedelta(minutes=59))]
    )
    assert stored_totals()[1] == {("auth", AT - HOUR): 1, ("auth", AT): 1}


@IN_TRANSACTIONS
def test_two_processes_take_turns_at_the_same_totals(make_process):
    one, other = make_process(), make_process()
    keys = [(category, AT + n * HOUR) for category in Category.values for n in range(5)]

    def write(through, keys):
        for start in range(0, len(keys), 4):
            rows = [row(*key) for key in keys[start : start + 4]]
            assert set(through.write(TABLE, rows)) == {Outcome.STORED}

    orders = (keys, keys[::-1])
    run_concurrently(
        *[lambda w=w, order=order: write(w, order) for w in (one, other) for order in orders]
    )
    assert stored_totals()[0] == dict.fromkeys(Category.values, 20)
    assert_totals_are_exact()
    terminate_other_connections("analytics")


@IN_TRANSACTIONS
def test_a_row_that_is_rejected_in_a_group_of_many_leaves_the_totals_exact():
    rows = [row(category) for category in Category.values]
    bad = [row(name=REFUSED) for _ in range(3)]
    calls = [lambda each=each: writer.write(TABLE, [each]) for each in (*rows, *bad)]
    assert run_concurrently(*calls) == [[Outcome.STORED]] * 8 + [[Outcome.WRITE_FAILED]] * 3
    assert stored_totals()[0] == dict.fromkeys(Category.values, 1)
    assert_totals_are_exact()


@IN_TRANSACTIONS
def test_a_lost_connection_leaves_the_totals_exact():
    writer.write(TABLE, [row()])
    terminate_other_connections("analytics")
    writer.write(TABLE, [row()])
    assert stored_totals()[0] == {"auth": 2}
    assert_totals_are_exact()


# Rebuilding


def spoil():
    """Make the totals wrong in every way that there is."""
    writer.write(TABLE, [row("auth"), row("auth", AT + HOUR), row("error")])
    PlatformTotal.objects.filter(category="auth").update(events=7)
    PlatformTotal.objects.create(category="system", events=5)  # without events
    PlatformHour.objects.filter(category="auth", hour=AT).update(events=-1)
    PlatformHour.objects.filter(category="error").delete()
    PlatformHour.objects.create(category="auth", hour=AT - HOUR, events=3)


def test_a_rebuild_mends_what_is_wrong_once():
    spoil()
    assert rebuild() == "3 events counted, 5 totals mended."
    assert_totals_are_exact()
    assert rebuild() == "3 events counted, 0 totals mended."
    assert_totals_are_exact()


def test_a_rebuild_without_events_leaves_no_hour():
    PlatformHour.objects.create(category="auth", hour=AT, events=3)
    assert rebuild() == "0 events counted, 1 totals mended."
    assert stored_totals() == ({}, {})


@IN_TRANSACTIONS
def test_a_rebuild_while_events_arrive_and_another_one_runs():
    spoil()

    def write():
        for n in range(30):
            writer.write(TABLE, [row(Category.values[n % 8], AT + n % 3 * HOUR)])

    run_concurrently(write, write, rebuild, rebuild, rebuild)
    assert PlatformEvent.objects.count() == 63
    assert_totals_are_exact()


def test_the_command_explains_itself(capsys):
    with pytest.raises(SystemExit):
        call_command("rebuild_totals", "--help")
    assert "mend the running totals" in capsys.readouterr().out.replace("\n", " ")


# Totals of deleted rows


def before_delete(start, end):
    """Forget and delete the events of [start, end), as retention does."""
    low, high = uuid7.floor(start), uuid7.floor(end)
    with transaction.atomic(using="analytics"), connections["analytics"].cursor() as cursor:
        PlatformEvent.before_delete(low, high, partitions.default_name(PlatformEvent))
        statement = "DELETE FROM analytics_platformevent WHERE id >= %s AND id < %s"
        cursor.execute(statement, [low, high])


def test_events_that_are_deleted_are_gone_from_the_totals():
    minute = timedelta(minutes=1)
    writer.write(TABLE, [row(at=AT + n * minute) for n in (-1, 0, 29, 30, 31)])
    writer.write(TABLE, [row("error", AT), row("system", AT + HOUR)])
    before_delete(AT, AT + 30 * minute)
    assert stored_totals() == (
        {"auth": 3, "error": 0, "system": 1},
        {("auth", AT - HOUR): 1, ("auth", AT): 2, ("system", AT + HOUR): 1},
    )
    assert_totals_are_exact()
    before_delete(AT, AT + 30 * minute)
    assert_totals_are_exact()


def test_other_streams_have_nothing_to_update():
    with connections["analytics"].execute_wrapper(lambda *query: pytest.fail("a query")):
        CollectedEvent.before_delete(
            uuid7.floor(AT), uuid7.floor(AT + HOUR), "analytics_collectedevent_default"
        )
