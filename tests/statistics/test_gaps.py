"""Days without sessions, which are not sealed: they are not read one by one"""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from analytics.reports.derived import sealing
from tests.support.statistics import DATABASES, NOW

pytestmark = [pytest.mark.django_db(databases=DATABASES), pytest.mark.usefixtures("at_now")]
MIDNIGHT = NOW.replace(hour=0, minute=0)


@pytest.fixture
def visit(ask, post, website):
    """Let a visitor come some days ago, some hours after midnight, and seal all that can be."""

    def visit(*visits):
        post(
            *(
                (
                    MIDNIGHT + timedelta(hours=hours) - timedelta(days=days),
                    {"visitorId": visitor, "sessionId": session},
                )
                for days, hours, visitor, session in visits
            )
        )
        assert ask().status_code == 200  # it makes the sessions
        while sealing.seal_due(website.pk, ZoneInfo("UTC"), NOW):
            pass

    return visit


def statements(ask, query):
    """Return how many statements a question takes."""
    with CaptureQueriesContext(connections["analytics"]) as asked:
        assert ask(query).status_code == 200
    return len(asked)


def visitors_by_day(ask):
    """Return the days with visitors."""
    query = "from=2026-01-01&to=2026-03-28&by=time&interval=day&metrics=visitors"
    found = {row["value"][5:10]: row["metrics"]["visitors"] for row in ask(query).json()["rows"]}
    return {day: visitors for day, visitors in found.items() if visitors}


@pytest.mark.parametrize("query", ["by=time&interval=day", "by=source", "by=page"])
def test_statements_do_not_grow_with_empty_days(ask, visit, query):
    query = f"period=90d&{query}"
    visit((60, 9, "a", "1"), (50, 9, "b", "2"), (40, 9, "c", "3"), (30, 9, "a", "4"))
    before = statements(ask, query)
    visit(*((days, 10, "d", f"more {days}") for days in range(2, 30, 3)))
    assert statements(ask, query) == before


def test_statements_of_a_look_for_days_do_not_grow_with_sealed_ones(visit, website):
    def look():
        with CaptureQueriesContext(connections["analytics"]) as asked:
            assert not sealing.seal_due(website.pk, ZoneInfo("UTC"), NOW)
        return len(asked)

    visit((60, 9, "a", "1"), (50, 9, "b", "2"), (40, 9, "c", "3"), (30, 9, "a", "4"))
    before = look()
    visit(*((days, 10, "d", f"more {days}") for days in range(2, 30, 3)))
    assert look() == before


def test_a_session_that_reaches_into_an_empty_day_counts_there(ask, visit):
    visit((20, 9, "a", "1"), (15, 23, "b", "2"), (15, 25, "b", "2"), (10, 9, "c", "3"))
    assert visitors_by_day(ask) == {"03-09": 1, "03-14": 1, "03-15": 1, "03-19": 1}


def test_a_session_of_days_counts_on_each_of_them(ask, visit):
    visit((20, 9, "a", "1"), (15, 9, "b", "2"), (11, 9, "b", "2"), (5, 9, "c", "3"))
    assert visitors_by_day(ask) == {"03-09": 1, "03-14": 1, "03-18": 1, "03-24": 1}


def test_a_late_event_on_an_empty_day_counts(ask, visit, post):
    visit((20, 9, "a", "1"), (15, 9, "b", "2"), (10, 9, "c", "3"), (5, 9, "a", "4"))
    post((MIDNIGHT - timedelta(days=12), {"visitorId": "d", "sessionId": "late"}))
    assert visitors_by_day(ask) == {"03-09": 1, "03-14": 1, "03-17": 1, "03-19": 1, "03-24": 1}
