"""Sealed weeks: what retention reads of a week that is over, and when they go"""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from pyroaring import BitMap

from analytics.events.models import Event
from analytics.reports.derived import rollup, sealed_weeks, sealing, visitor_erasure
from analytics.reports.derived.sealed_models import SealedWeek
from analytics.reports.models import WebsiteVisitor
from config.db import uuid7
from tests.support.retention import keep_days, run_retention
from tests.support.statistics import DATABASES, NOW

pytestmark = [pytest.mark.django_db(databases=DATABASES), pytest.mark.usefixtures("at_now")]
# Of Sundays, the last of which is NOW's.
FIRST, SECOND, THIRD, FOURTH = (NOW - timedelta(days=days) for days in (21, 14, 7, 0))


@pytest.fixture
def visits(post):
    """Post visits of `a`, `b` and `c`; in the second week there is none."""
    post(*(visit(at, name) for at, name in ((FIRST, "a"), (FIRST, "b"), (THIRD, "a"))))
    post(visit(FOURTH, "c"))


def visit(at, visitor):
    return at, {"visitorId": visitor, "sessionId": f"{visitor} {at}"}


def seal_all(website):
    """Seal all that is over; return what weeks are sealed."""
    rollup.refresh(website, 10)
    return seal_old(website)


def seal_old(website):
    """Seal what no event waits for that is to be counted; return what weeks are sealed."""
    while sealing.seal_due(website.pk, ZoneInfo(website.timezone), uuid7.now()):
        pass
    return sealed(website)


def sealed(website):
    """Return the first days of the weeks that are sealed, and local times at which they begin."""
    starts = SealedWeek.objects.order_by("start").values_list("start", flat=True)
    zone = ZoneInfo(website.timezone)
    return [start.astimezone(zone).strftime("%m-%d %H:%M") for start in starts]


def cohorts(ask, query="weeks=4"):
    rows = ask(query, path="retention").json()["rows"]
    return [
        (row["metrics"]["visitors"], [each["metrics"]["visitors"] for each in row["weeks"]])
        for row in rows
    ]


WEEKS = ["03-02 00:00", "03-16 00:00"]  # without the one in which nobody came
COHORTS = [(2, [0, 1, 0]), (0, [0, 0]), (0, [0]), (1, [])]


@pytest.mark.usefixtures("visits")
def test_weeks_that_are_over_are_sealed_and_answer(ask, website):
    assert cohorts(ask) == COHORTS
    assert seal_all(website) == WEEKS
    assert cohorts(ask) == COHORTS
    SealedWeek.objects.filter(start__date="2026-03-16").update(numbers=BitMap().serialize())
    assert cohorts(ask)[0] == (2, [0, 0, 0])


@pytest.mark.usefixtures("visits")
def test_an_event_unseals_its_week_even_on_a_day_that_was_empty(ask, website, post):
    assert seal_all(website) == WEEKS
    post(visit(THIRD - timedelta(days=1), "b"))
    assert cohorts(ask) == [(2, [0, 2, 0]), (0, [0, 0]), (0, [0]), (1, [])]
    assert seal_old(website) == WEEKS
    SealedWeek.objects.filter(start__date="2026-03-16").delete()
    assert cohorts(ask) == [(2, [0, 2, 0]), (0, [0, 0]), (0, [0]), (1, [])]


@pytest.mark.usefixtures("visits")
def test_a_week_is_sealed_again_after_its_days(ask, website, post, monkeypatch):
    """In the middle of an upgrade, older code unseals a day and knows no weeks."""
    assert seal_all(website) == WEEKS
    post(visit(THIRD, "b"))
    with monkeypatch.context() as older:
        older.setattr(sealed_weeks, "unseal", lambda *arguments: None)
        rollup.refresh(website, 10)
    assert seal_old(website) == WEEKS
    assert cohorts(ask) == [(2, [0, 2, 0]), (0, [0, 0]), (0, [0]), (1, [])]


@pytest.mark.usefixtures("visits")
def test_a_session_across_their_border_unseals_both(ask, website, post):
    monday = NOW.replace(hour=0, minute=0) - timedelta(days=20)
    border = {"visitorId": "d", "sessionId": "border"}
    post((monday - timedelta(minutes=5), border), visit(SECOND, "e"))
    assert seal_all(website) == ["03-02 00:00", "03-09 00:00", "03-16 00:00"]
    post((monday + timedelta(minutes=5), border))
    assert cohorts(ask) == [(3, [1, 1, 0]), (1, [0, 0]), (0, [0]), (1, [])]
    assert sealed(website) == ["03-16 00:00"]
    assert seal_all(website) == ["03-02 00:00", "03-09 00:00", "03-16 00:00"]
    assert cohorts(ask) == [(3, [1, 1, 0]), (1, [0, 0]), (0, [0]), (1, [])]


@pytest.mark.usefixtures("visits")
def test_a_week_waits_for_its_events(website, post):
    rollup.refresh(website, 10)
    post(visit(THIRD - timedelta(days=3), "e"))
    assert seal_old(website) == WEEKS[:1]


@pytest.mark.usefixtures("visits")
def test_zones_whose_weeks_end_apart_do_not_share_them(ask, website, post, clock):
    website.timezone = "Europe/London"  # where clocks change with the last day of a week
    website.save()
    clock.move(days=7)
    post(visit(NOW.replace(hour=23, minute=30), "late"))  # on the next Monday, there
    assert seal_all(website) == [*WEEKS, "03-23 00:00"]
    assert cohorts(ask, "weeks=3") == [(0, [0, 0]), (1, [0]), (1, [])]
    assert cohorts(ask, "weeks=3&timezone=UTC") == [(0, [0, 0]), (2, [0]), (0, [])]
    website.timezone = "UTC"
    website.save()
    assert seal_all(website) == [*WEEKS, "03-23 00:00"]
    assert cohorts(ask, "weeks=3") == [(0, [0, 0]), (2, [0]), (0, [])]


@pytest.mark.usefixtures("visits")
def test_an_erased_visitor_is_in_none(ask, website, post):
    post(visit(SECOND, "b"))
    seal_all(website)
    Event.objects.filter(visitor_id="a").delete()
    list(visitor_erasure.erase(WebsiteVisitor.objects.get(visitor_id="a")))
    assert sealed(website) == ["03-09 00:00"]
    assert cohorts(ask) == [(1, [1, 0, 0]), (0, [0, 0]), (0, [0]), (1, [])]


@pytest.mark.usefixtures("visits")
def test_a_check_compares_them(website, capsys):
    seal_all(website)
    call_command("rollup", "--check", "--days", "50")
    SealedWeek.objects.filter(start__date="2026-03-16").update(numbers=BitMap([77]).serialize())
    with pytest.raises(SystemExit):
        call_command("rollup", "--check", "--days", "50")
    assert f"week of 2026-03-16 of {website.id}" in capsys.readouterr().out


@pytest.mark.usefixtures("visits")
def test_retention_deletes_those_of_its_sessions(ask, website):
    seal_all(website)
    keep_days(event=10, statistics=10)
    run_retention()
    assert sealed(website) == []
    assert cohorts(ask) == [(0, [0, 0, 0]), (0, [0, 0]), (1, [0]), (1, [])]
    assert seal_all(website) == ["03-16 00:00"]
