"""Numbers of visitors: those of nobody are deleted by the retention, others are theirs for good"""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from analytics.events.models import Event
from analytics.reports.derived import rollup, sealing, visitor_numbers
from analytics.reports.models import WebsiteVisitor
from config.models import RuntimeSettings
from tests.support.events import AT, AT_MS, PATH, event_of
from tests.support.retention import run_retention

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])


@pytest.fixture
def visit(api, website):
    """Post a page view of a visitor, so many days after AT, and roll up."""

    def visit(visitor, days=0, session=None, website=website):
        sent = event_of(
            website,
            timestamp=AT_MS + days * 86_400_000,
            visitorId=visitor,
            sessionId=session or f"{visitor} {days}",
        )
        assert api.post(PATH, sent).status_code == 201
        assert rollup.refresh(website, 10)

    return visit


def numbers(website):
    rows = WebsiteVisitor.objects.filter(website_id=website.pk).order_by("number")
    return dict(rows.values_list("visitor_id", "number"))


def run_for_a_week(clock):
    for _ in range(visitor_numbers.DAYS):
        clock.move(days=1)
        run_retention()


def test_of_an_erased_person_nothing_is_left(visit, website, clock):
    for visitor in ("Ann", "Bob", "Eve"):
        visit(visitor)
    Event.objects.filter(visitor_id="Bob").delete()
    assert rollup.refresh(website, 10)
    run_for_a_week(clock)
    assert numbers(website) == {"Ann": 1, "Eve": 3}
    visit("Bob", days=1)
    assert numbers(website) == {"Ann": 1, "Eve": 3, "Bob": 4}


def test_who_is_not_the_first_visitor_of_a_session_stays(visit, website, clock):
    visit("Ann", session="shared")
    visit("Bob", session="shared", days=1)
    run_for_a_week(clock)
    assert numbers(website) == {"Ann": 1, "Bob": 2}


def test_who_comes_back_is_the_same_while_statistics_are_kept(visit, website, clock, ask):
    clock.set(AT + timedelta(days=40))
    visit("Ann")
    visit("Bob", days=35)
    sealing.seal(website.pk, AT.date(), ZoneInfo("UTC"))
    RuntimeSettings.load().change(
        {"event_retention_days": 10, "statistics_retention_days": 90}, changed_by="ops"
    )
    run_for_a_week(clock)
    assert Event.objects.count() == 0
    visit("Ann", days=47)
    assert numbers(website) == {"Ann": 1, "Bob": 2}
    totals = ask({"from": "2026-01-28", "to": "2026-03-20"}).json()["totals"]["metrics"]
    assert (totals["visitors"], totals["sessions"]) == (2, 3)


def test_they_go_with_the_statistics(visit, website, clock):
    clock.set(AT + timedelta(days=40))
    visit("Ann")
    visit("Bob", days=35)
    RuntimeSettings.load().change(
        {"event_retention_days": 10, "statistics_retention_days": 20}, changed_by="ops"
    )
    run_for_a_week(clock)
    assert numbers(website) == {"Bob": 2}


def test_a_website_has_its_turn_once_a_week_and_goes_in_batches(
    visit, website, make_website, user, monkeypatch
):
    monkeypatch.setattr(visitor_numbers, "BATCH_ROWS", 2)
    other = make_website(user, "other.example")
    for number in range(5):
        visit(f"vis-{number}")
        visit(f"vis-{number}", website=other)
    Event.objects.filter(website_id=website.pk).delete()
    assert rollup.refresh(website, 10)
    days = [AT.date() + timedelta(days=n) for n in range(visitor_numbers.DAYS)]
    found = [visitor_numbers.delete_unused([website.pk, other.pk], day) for day in days]
    assert sorted(found) == [0] * (visitor_numbers.DAYS - 1) + [5]
    assert numbers(website) == {}
    assert len(numbers(other)) == 5
