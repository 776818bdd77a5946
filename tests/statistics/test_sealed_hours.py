"""Hours of the running day, whose columns are kept where many sessions begin"""

from datetime import timedelta

import pytest
from django.core.management import call_command

from analytics.events.models import Event
from analytics.reports.derived import rollup_runs, sealing, visitor_erasure
from analytics.reports.derived.rollup_models import DirtyRange
from analytics.reports.derived.sealed_models import HourColumn, SealedDay, SealedHour
from analytics.reports.models import WebsiteVisitor
from tests.support.statistics import DATABASES, NOW

pytestmark = [pytest.mark.django_db(databases=DATABASES), pytest.mark.usefixtures("at_now")]
HOURS = [NOW.replace(hour=hour, minute=0) for hour in range(13)]
PARAMETERS = "period=today&metrics=visitors,sessions,pageviews,bounceRate"


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch):
    monkeypatch.setattr(sealing, "SESSIONS_OF_HOUR", 2)


@pytest.fixture
def visit(ask, post):
    """Let a visitor come at some minutes of each of some hours, and make the sessions."""

    def visit(*hours, minutes=(1, 20), name="v"):
        post(
            *(
                (
                    HOURS[hour] + timedelta(minutes=minute),
                    {"visitorId": f"{name}{minute}", "sessionId": f"{name}{hour}{minute}"},
                )
                for hour in hours
                for minute in minutes
            )
        )
        assert ask().status_code == 200

    return visit


def seal_all(website):
    list(rollup_runs.seal_all([website]))
    return sorted(hour.start.hour for hour in SealedHour.objects.all())


def answers(ask):
    """Return what some questions about the day are answered."""
    queries = ("", "&by=page", "&by=time&interval=hour", "&by=country", "&page=%2Fpricing")
    return [ask(PARAMETERS + query).json()["totals"] for query in queries] + [
        ask(PARAMETERS + query).json()["rows"] for query in queries
    ]


def test_those_that_are_over_are_sealed(visit, website):
    visit(2, 9, 10, 11)
    visit(4, minutes=(1,))
    assert seal_all(website) == [2, 9, 10]  # 11 is over since 3 minutes, 4 has one session
    assert not SealedDay.objects.exists()


def test_they_answer_as_the_sessions_do(ask, visit, website):
    visit(2, 9, 10, 11)
    visit(9, minutes=(1, 50), name="w")
    before = answers(ask)
    assert seal_all(website) == [2, 9, 10]
    assert answers(ask) == before


def test_an_event_unseals_its_hour_and_those_of_its_session(visit, website, post, ask):
    visit(2, 9, 10)
    assert seal_all(website) == [2, 9, 10]
    post((HOURS[10] + timedelta(minutes=5), {"visitorId": "v1", "sessionId": "v91"}))
    assert ask(PARAMETERS).json()["totals"]["metrics"]["sessions"] == 6
    assert [hour.start.hour for hour in SealedHour.objects.all()] == [2]
    assert {start.hour for start in HourColumn.objects.values_list("start", flat=True)} == {2}
    assert seal_all(website) == [2, 9, 10]


def test_events_that_keep_coming_do_not_keep_days_from_being_sealed(visit, website, post, clock):
    visit(2, 9)
    clock.move(hours=13)
    post((clock.now, {"visitorId": "late", "sessionId": "late"}))
    assert DirtyRange.objects.exists()
    seal_all(website)
    assert [day.day.day for day in SealedDay.objects.all()] == [29]


def test_earlier_events_that_wait_do(visit, website, post):
    visit(2, 9, 10)
    post((HOURS[9] + timedelta(minutes=5), {"visitorId": "x", "sessionId": "x"}))
    assert seal_all(website) == [2]


def test_a_day_takes_their_place(visit, website, clock):
    visit(2, 9, 10)
    assert seal_all(website) == [2, 9, 10]
    clock.move(hours=13)
    assert seal_all(website) == []
    assert not HourColumn.objects.exists()
    assert SealedDay.objects.count() == 1


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/Sao_Paulo"])
def test_zones_share_them(ask, visit, website, zone):
    website.timezone = zone
    website.save()
    visit(2, 3, 9, 10)
    before = answers(ask)
    assert {9, 10} <= set(seal_all(website))
    assert answers(ask) == before


def test_a_website_may_change_its_zone(ask, visit, website):
    visit(2, 9, 11)
    for zone, hours, days in (
        ("UTC", [2, 9], 0),
        ("Pacific/Auckland", [], 1),  # where the day began at 11:00
        ("UTC", [2, 9], 1),  # of which the day of the other zone is not
    ):
        website.timezone = zone
        website.save()
        before = answers(ask)
        assert seal_all(website) == hours
        assert SealedDay.objects.count() == days
        assert answers(ask) == before


def test_an_erased_visitor_leaves_none(ask, visit, website):
    visit(2, 9)
    visit(10, minutes=(5, 25), name="w")
    assert seal_all(website) == [2, 9, 10]
    Event.objects.filter(visitor_id="v1").delete()
    list(visitor_erasure.erase(WebsiteVisitor.objects.get(visitor_id="v1")))
    assert [hour.start.hour for hour in SealedHour.objects.all()] == [10]
    assert ask(PARAMETERS).json()["totals"]["metrics"]["visitors"] == 3


def test_a_check_compares_them(visit, website, capsys):
    visit(2, 9)
    seal_all(website)
    HourColumn.objects.filter(name="page_views", start=HOURS[9]).update(
        data=HourColumn.objects.get(name="duration_ms", start=HOURS[9]).data
    )
    with pytest.raises(SystemExit):
        call_command("rollup", "--check", "--days", "1")
    assert f"total of 2026-03-29 09:00 of {website.id}" in capsys.readouterr().out
