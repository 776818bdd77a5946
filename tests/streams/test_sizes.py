"""Sizes and growth of tables, and previews of retention"""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from analytics.events.models import Event
from analytics.streams import partitions, sizes
from analytics.streams.partitions import Month
from config.db import uuid7
from config.runtime import preview
from config.runtime.preview import PendingChange
from tests.support.runtime_settings import change_settings

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

NOW = datetime(2031, 3, 16, tzinfo=UTC)


@pytest.fixture
def fill(clock):
    """Store events of a month, evenly spread, and let PostgreSQL look at them; it is March 2031."""
    clock.set(NOW)

    def fill(year, month, count, *, days=None):
        month = Month(year, month)
        partitions.create(Event, month)
        length = timedelta(days=days) if days else month.plus(1).start - month.start
        with connections["analytics"].cursor() as cursor:
            times = [month.start + length * n / count for n in range(count)]
            cursor.executemany(
                "INSERT INTO analytics_event (id, created_at, website_id, event_type, url, "
                "session_id, visitor_id) VALUES (%s, %s, gen_random_uuid(), 'click', '', '', '')",
                [(uuid7.new_id(uuid7.to_ms(at)), at) for at in times],
            )
            cursor.execute("ANALYZE analytics_event")

    return fill


def size_of_events():
    [size] = [size for size in sizes.of_streams("analytics") if size.model is Event]
    return size


def test_rows_and_bytes_are_those_of_all_partitions(fill):
    fill(2031, 1, 40)
    fill(2031, 2, 60)
    size = size_of_events()
    rows = {str(part.month): part.rows for part in size.months if part.rows}
    assert (size.rows, rows) == (100, {"2031-01": 40, "2031-02": 60})
    with connections["analytics"].cursor() as cursor:
        cursor.execute(
            "SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits "
            "WHERE inhparent = 'analytics_event'::regclass"
        )
        assert cursor.fetchone() == (size.bytes,)
    assert size.oldest == datetime(2031, 1, 1, tzinfo=UTC)


def test_it_doubles_at_the_pace_since_the_beginning_of_last_month(fill):
    fill(2030, 12, 300)
    fill(2031, 2, 56)
    fill(2031, 3, 30, days=15)
    # 86 new ones in the 28 days of February and 15 of March, 386 in all.
    assert size_of_events().days_until_double(NOW) == pytest.approx(386 / 86 * 43)


def test_a_young_stream_is_judged_from_its_first_event(fill):
    fill(2031, 3, 30, days=15)
    assert size_of_events().days_until_double(NOW) == pytest.approx(15)


def test_a_few_days_give_no_rate(fill):
    fill(2031, 3, 30, days=15)
    week = datetime(2031, 3, 8, tzinfo=UTC)
    assert size_of_events().days_until_double(week - timedelta(seconds=1)) is None
    assert size_of_events().days_until_double(week) is not None


@pytest.mark.parametrize("month", [(), (2030, 12)])
def test_what_does_not_grow_does_not_double(fill, month):
    if month:
        fill(*month, 30)
    assert size_of_events().days_until_double(NOW) is None


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (0, "Nothing will be deleted: rows are kept for ever."),
        (200, "Nothing is older than 2030-08-28 00:00 UTC."),
        (
            61,
            "About 315 rows older than 2031-01-14 00:00 UTC will be deleted, among them all of "
            "2030-12.",
        ),
        (
            44,
            "About 332 rows older than 2031-01-31 00:00 UTC will be deleted, among them all of "
            "2030-12.",
        ),
        (
            15,
            "About 389 rows older than 2031-03-01 00:00 UTC will be deleted, among them all of "
            "2030-12 to 2031-02.",
        ),
    ],
)
def test_a_retention_previews_the_months_and_rows_that_it_deletes(fill, days, expected):
    fill(2030, 12, 302)
    fill(2031, 1, 31)
    fill(2031, 2, 56)
    assert preview.preview(PendingChange("event_retention_days", 0, days)) == expected


def test_statistics_that_are_kept_as_long_as_events_are_previewed_by_these(fill):
    change_settings(event_retention_days=200)
    change = PendingChange("statistics_retention_days", 400, 0)
    assert change.needs_confirmation
    assert preview.preview(change) == "Nothing is older than 2030-08-28 00:00 UTC."


def test_a_retention_within_the_first_month_counts_rows_only(fill):
    fill(2031, 3, 31)
    result = "About 14 rows older than 2031-03-15 00:00 UTC will be deleted."
    assert preview.preview(PendingChange("event_retention_days", 0, 1)) == result
