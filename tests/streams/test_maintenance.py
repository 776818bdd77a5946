"""`manage.py maintenance`: partitions and retention, once a day, in one process of all hosts."""

import logging
import signal
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from analytics.management.commands import partitions
from analytics.streams.maintenance import MaintenanceFailure, MaintenanceRun
from tests.support.cleanup import drop_partitions
from tests.support.databases import connect_to_analytics, failing

pytestmark = pytest.mark.django_db(databases=["default", "analytics"], transaction=True)

MORNING = datetime(2031, 3, 5, 0, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _morning(clock):
    clock.set(MORNING)
    yield
    drop_partitions()


def maintain():
    """Run the command; return its exit code."""
    try:
        call_command("maintenance")
    except SystemExit as end:
        return end.code
    return 0


@pytest.fixture
def lines(caplog):
    """What it logs, as pairs of level and message."""
    caplog.set_level(logging.INFO)
    return lambda: [(each.levelname, each.getMessage()) for each in caplog.records]


def crash(*arguments, **options):
    raise RuntimeError("the disk of anna@example.com is full")


def refuse(*arguments, **options):
    raise CommandError("Another run of retention is at work.")


def test_what_is_due_is_done_logged_and_recorded(lines):
    assert maintain() == 0
    summaries = {run.name: run.summary for run in MaintenanceRun.objects.all()}
    assert summaries.keys() == {"partitions", "retention"}
    assert summaries["retention"] == "0 rows, 0 partitions of 0 Bytes, 0 salts deleted"
    [first, second] = lines()
    assert first == ("INFO", f"partitions: {summaries['partitions']}")
    assert second[1].startswith(f"retention: {summaries['retention']} in ")
    assert {run.finished_at for run in MaintenanceRun.objects.all()} == {MORNING}


def test_it_is_done_once_on_a_day_of_utc(clock, lines):
    assert maintain() == 0
    clock.set(MORNING.replace(hour=23, minute=59))
    assert maintain() == 0
    assert len(lines()) == 2
    clock.set(MORNING.replace(day=6, minute=0))
    assert maintain() == 0
    assert len(lines()) == 4


def test_a_command_that_has_run_today_from_cron_is_not_repeated(lines):
    call_command("retention", stdout=StringIO())
    assert maintain() == 0
    [only] = lines()
    assert only[1].startswith("partitions: ")


@pytest.mark.parametrize(
    ("fail", "reason"),
    [
        (crash, "the disk of [email] is full"),
        (refuse, "Another run of retention is at work."),
    ],
)
def test_a_failure_holds_back_nothing_else_and_is_tried_again(monkeypatch, lines, fail, reason):
    with monkeypatch.context() as patch:
        patch.setattr(partitions.Command, "handle", fail)
        assert maintain() == 1
    [failure] = MaintenanceFailure.objects.all()
    assert (failure.name, failure.failed_at, failure.reason) == ("partitions", MORNING, reason)
    assert [level for level, _ in lines()] == ["ERROR", "INFO"]
    assert MaintenanceRun.last("retention")
    assert maintain() == 0
    assert not MaintenanceFailure.objects.exists()
    assert lines()[2][1].startswith("partitions: ")


def test_another_host_that_is_at_work_is_left_alone(lines):
    with connect_to_analytics() as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtext('maintenance'))")
        assert maintain() == 75
        other.rollback()
    assert lines() == []
    assert not MaintenanceRun.objects.exists()
    assert maintain() == 0


def test_without_the_database_it_fails_with_a_line(lines):
    with failing("analytics", "the analytics database is away"):
        assert maintain() == 1
    expected = "Maintenance needs a database that is away: the analytics database is away"
    assert lines() == [("ERROR", expected)]


def test_a_run_that_is_stopped_says_so_and_is_no_failure(monkeypatch, lines):
    def stop(*arguments):
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("analytics.streams.retention.plan", stop)
    assert maintain() == 130
    expected = "Maintenance: Stopped. What is deleted stays so; run it again to go on."
    assert lines()[-1] == ("INFO", expected)
    assert not MaintenanceFailure.objects.exists()
