"""`manage.py partitions`: rows in default partitions"""

from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connections

from analytics.streams import partitions
from analytics.streams.base import streams
from tests.support.events import stored_rows
from tests.support.partitions import partition_of, run_partitions

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

DEFAULT = "analytics_event_default"


@pytest.fixture(autouse=True)
def _last_moment(clock):
    """Let it be the last moment of November 2030."""
    clock.set(datetime(2030, 11, 30, 23, 59, 59, 999_999, tzinfo=UTC))


def run_and_warn(*options):
    out, err = StringIO(), StringIO()
    call_command("partitions", *options, stdout=out, stderr=err)
    return out.getvalue().splitlines(), err.getvalue().splitlines()


def test_the_list_has_a_line_for_each_partition(put_event):
    run_partitions("--from", "2031-01", "--until", "2031-02")
    put_event(datetime(2020, 5, 1, tzinfo=UTC))
    with connections["analytics"].cursor() as cursor:
        cursor.execute("ANALYZE analytics_event_y2031m01")
    before = {model: partitions.partition_names(model) for model in streams()}
    lines, _ = run_and_warn("--list")
    assert lines[0].split() == ["stream", "month", "rows", "size"]
    assert len(lines) - 2 == sum(map(len, before.values()))
    assert [line.split()[1:3] for line in lines if line.startswith("event ")] == [
        ["2031-01", "0"],
        ["2031-02", "0"],
        ["default", "1"],
    ]
    assert lines[-1].startswith(f"{len(lines) - 2} partitions, about 1 rows, ")
    assert {model: partitions.partition_names(model) for model in streams()} == before


def test_rows_in_a_default_partition_are_reported_on_stderr(put_event):
    _, warnings = run_and_warn()
    assert warnings == []
    put_event(datetime(2015, 1, 1, tzinfo=UTC))
    put_event(datetime(2020, 5, 1, tzinfo=UTC))
    put_event(datetime(2020, 5, 31, 23, tzinfo=UTC))
    sentence = (
        "analytics_event_default holds 3 rows of 2 months from 2015-01 to 2020-05; "
        "manage.py partitions --move gives them partitions."
    )
    assert run_and_warn()[1] == run_and_warn("--list")[1] == [sentence]


def test_rows_move_to_months_of_their_own_on_request(put_event):
    run_partitions()
    ids = [
        put_event(datetime(*month, 1, tzinfo=UTC)) for month in ((2015, 1), (2020, 5), (2031, 6))
    ]
    before = stored_rows()
    lines, warnings = run_and_warn("--move")
    assert lines == [
        "made analytics_event_y2031m06",
        "made analytics_event_y2020m05",
        "made analytics_event_y2015m01",
        "2030-11 to 2031-02: 0 partitions made, the others were there. "
        "3 more for rows in default partitions.",
    ]
    assert warnings == []
    assert [partition_of(id)[-8:] for id in ids] == ["y2015m01", "y2020m05", "y2031m06"]
    assert stored_rows() == before


def test_a_run_moves_so_many_months_and_the_next_one_the_others(put_event, monkeypatch):
    monkeypatch.setattr("analytics.management.commands.partitions.MAX_MONTHS_MOVED", 2)
    run_partitions()
    for year in (2018, 2019, 2020):
        put_event(datetime(year, 1, 1, tzinfo=UTC))
    lines, warnings = run_and_warn("--move")
    assert lines[:-1] == ["made analytics_event_y2020m01", "made analytics_event_y2019m01"]
    assert "holds 1 rows of 1 months from 2018-01 to 2018-01" in warnings[0]
    assert run_partitions("--move")[:-1] == ["made analytics_event_y2018m01"]


def test_rows_that_no_request_can_have_sent_stay_where_they_are(put_event):
    run_partitions()
    id = put_event(datetime(2014, 12, 31, 23, tzinfo=UTC))
    _, warnings = run_and_warn("--move")
    assert partition_of(id) == DEFAULT
    assert "holds 1 rows of 1 months from 2014-12 to 2014-12" in warnings[0]
