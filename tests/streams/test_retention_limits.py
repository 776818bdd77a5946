"""Retention goes by the time of the databases, and by days that somebody meant"""

import logging
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from analytics.events.models import Event
from analytics.reports.models import WebsiteSession
from analytics.streams.maintenance import MaintenanceFailure
from analytics.streams.retention_limits import AppliedRetention, needs_confirmation
from config.db import uuid7
from config.models import RuntimeSettings
from tests.support.retention import (
    CUTOFF,
    INSTANT,
    NOW,
    keep_days,
    run_retention,
    stored_times,
    table_line,
    warnings_of_retention,
)

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

OLD = [CUTOFF - INSTANT * (n + 1) for n in range(3)]
RECENT = [NOW, CUTOFF]
SENTENCE = (
    "event was kept {before}; 60 days would delete 3 rows, 60% of them{then} If it is meant, run "
    "manage.py retention --yes, or confirm it in the admin or by manage.py settings --yes."
)
NEEDS_YES = SENTENCE.format(before="for ever", then=".")
AS_BEFORE = ". It is kept as before, for nobody has confirmed that."


@pytest.fixture(autouse=True)
def _events(request, clock, put_events):
    clock.set(NOW)
    put_events(*OLD, *RECENT)


def shorten(days=60):
    """Store a shorter retention that nobody has confirmed, as an older version did."""
    RuntimeSettings.load().change({"event_retention_days": days}, changed_by="ops")


def events():
    return Event.objects.count()


# Days that somebody meant


def test_more_than_half_of_a_stream_needs_a_yes():
    shorten()
    with pytest.raises(CommandError) as refusal:
        run_retention()
    assert (str(refusal.value), events()) == (NEEDS_YES, 5)
    assert warnings_of_retention("--dry-run") == [NEEDS_YES]
    planned = run_retention("--dry-run")
    assert table_line("event", run_retention("--yes")) == table_line("event", planned) == (3, 0, 0)
    assert events() == 2


def test_once_it_was_applied_it_is_obeyed_whatever_it_deletes(clock):
    shorten()
    run_retention("--yes")
    clock.move(days=90)
    run_retention("--only-confirmed")
    assert events() == 0


def test_half_of_a_stream_needs_none(put_events):
    put_events(NOW)
    shorten()
    run_retention()
    assert stored_times() == sorted([*RECENT, NOW])


def test_days_that_are_named_need_none():
    run_retention("--stream", "event", "--older-than", "60d")
    assert events() == 2


def test_the_daily_run_keeps_a_stream_as_before_until_somebody_confirms(clock, caplog):
    keep_days(event=400)
    run_retention()
    clock.move(seconds=1)
    shorten()
    clock.set(NOW + timedelta(days=1))
    with caplog.at_level(logging.WARNING):
        call_command("maintenance")
    expected = SENTENCE.format(before="400 days", then=AS_BEFORE).replace(
        "3 rows, 60%", "4 rows, 80%"
    )
    assert caplog.records[-1].getMessage() == f"retention: {expected}"
    assert events() == 5
    assert warnings_of_retention("--only-confirmed", "--dry-run") == [expected]
    clock.move(seconds=1)
    call_command("settings", "event_retention_days=60", yes=True)
    clock.move(days=1)
    call_command("maintenance")
    assert events() == 1


def test_a_confirmation_holds_for_longer_periods_too():
    keep_days(event=30)
    shorten(60)
    run_retention("--only-confirmed")
    assert events() == 2


def test_statistics_that_are_to_be_kept_as_long_as_events_can_be_confirmed(clock):
    keep_days(event=60)
    clock.move(days=1)
    AppliedRetention.record(WebsiteSession, 400, uuid7.now())
    clock.move(days=1)
    assert needs_confirmation(WebsiteSession, 60)
    keep_days(statistics=0)
    assert not needs_confirmation(WebsiteSession, 60)


def test_an_older_confirmation_that_a_restore_brings_back_does_not_count(clock):
    """The backup was made after the confirmation, and before the period was made longer."""
    keep_days(event=60)
    RuntimeSettings.objects.update(event_retention_days=400)
    clock.move(seconds=1)
    run_retention()
    RuntimeSettings.objects.update(event_retention_days=60)
    run_retention("--only-confirmed")
    assert events() == 5


def test_the_longest_period_deletes_nothing():
    keep_days(event=36_500)  # since before 1970
    run_retention()
    run_retention("--stream", "event", "--older-than", "36500d")
    assert events() == 5


# The time


@pytest.mark.parametrize("alias", ["default", "analytics"])
@pytest.mark.parametrize(
    ("minutes", "side"), [(61, "ahead of"), (-61, "behind")]
)  # fmt: skip
def test_a_host_whose_clock_is_an_hour_off_deletes_nothing(clock, alias, minutes, side):
    keep_days(event=60)
    clock.servers_ahead[alias] = timedelta(minutes=-minutes)
    sentence = (
        f"The clock of this host is 1 hour and 1 minute {side} that of the database '{alias}'. "
        "Nothing is deleted until both are right."
    )
    with pytest.raises(CommandError) as refusal:
        run_retention()
    assert (str(refusal.value), events()) == (sentence, 5)
    with pytest.raises(SystemExit):
        call_command("maintenance")
    assert MaintenanceFailure.objects.get().reason == sentence


def test_the_time_is_that_of_the_database(clock):
    clock.servers_ahead["analytics"] = timedelta(minutes=59)
    run_retention("--stream", "event", "--older-than", "60d")
    assert stored_times() == [NOW]
