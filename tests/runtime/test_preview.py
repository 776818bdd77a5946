"""Previews of changes of runtime settings"""

from datetime import timedelta

import pytest

from config.api import outcome_counts
from config.db import uuid7
from config.models import OutcomeCount
from config.runtime import preview
from config.runtime.preview import PendingChange

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])


@pytest.fixture
def count():
    """Store the counts of some minutes ago."""

    def count(minutes, api, outcome, events, *, reason=""):
        at = uuid7.now() - timedelta(minutes=minutes)
        OutcomeCount.objects.create(
            slot=outcome_counts.slot_of(at), api=api, outcome=outcome, reason=reason, events=events
        )

    return count


def test_switching_off_reports_what_it_would_have_dropped(count):
    count(30, "track", "stored", 1200)
    count(20, "track", "duplicate", 34)
    for other in ((90, "track", "stored", 7), (10, "events", "stored", 7)):
        count(*other)
    count(10, "track", "rejected", 7)
    result = preview.preview(PendingChange("tracking_enabled", "true", "TRUE"))
    assert result == "It would have dropped 1,234 events that came in the last hour."


def test_switching_on_reports_what_the_switch_dropped(count):
    count(30, "collect", "dropped", 1, reason="kill_switch")
    count(30, "collect", "dropped", 7, reason="write_failed")
    result = preview.preview(PendingChange("collect_enabled", "", "true"))
    assert result == "It would have kept 1 event that the switch dropped in the last hour."


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (PendingChange("tracking_enabled", "false", "TRUE"), "It stays off."),
        (PendingChange("tracking_enabled", "true", "true", uuid7.now()), "It stays on."),
        (
            PendingChange("max_event_data_bytes", 10_000, 5),
            preview.UNMEASURED["max_event_data_bytes"],
        ),
        (
            PendingChange("public_event_reads", "true", "false"),
            preview.UNMEASURED["public_event_reads"],
        ),
    ],
)
def test_what_other_changes_mean(wanted, expected):
    assert preview.preview(wanted) == expected
