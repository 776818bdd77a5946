"""Running totals of events: exact after every commit, deletion and rollup"""

import random
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analytics.events.ingest import TABLE
from analytics.events.models import Event
from analytics.ingest.commit import store_group
from analytics.reports.derived import marks, rollup, sealed_weeks, sealing
from analytics.reports.derived.leftovers import MODELS
from analytics.reports.derived.rollup_models import DirtyRange
from analytics.reports.models import WebsiteSession
from analytics.reports.questions.question import Range
from analytics.streams import deletion, partitions
from analytics.streams.partitions import Month
from config.db import uuid7
from tests.support.databases import IS_ANYONE_WAITING, connect_to_analytics, wait_until_true
from tests.support.events import AT, AT_MS, DAY_MS, PATH, event_of, new_id, new_row
from tests.support.responses import run_concurrently
from tests.support.retention import keep_days, run_retention

ID = new_id()

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])


@pytest.fixture
def listed(api, website):
    """Return the total of the list of the website's events."""

    def total(**query):
        response = api.get(PATH, {"trackingCode": website.tracking_code} | query)
        return response.json()["pagination"]["total"]

    return total


def test_an_event_is_counted_at_once(api, website, listed):
    api.post(PATH, event_of(website))
    assert listed() == 1


def test_an_event_that_is_sent_again_is_counted_once(api, website, listed):
    for _ in range(3):
        api.post(PATH, event_of(website, id=ID))
    assert listed() == 1
    assert DirtyRange.objects.count() == 1


@pytest.mark.parametrize("event_type", ["pageview", "click", "custom", "other"])
def test_each_type_has_its_total(api, website, listed, event_type):
    for each in ("pageview", "click", "click", "custom", "custom", "custom"):
        api.post(PATH, event_of(website, eventType=each))
    expected = {"pageview": 1, "click": 2, "custom": 3, "other": 0}[event_type]
    assert listed(eventType=event_type) == expected
    rollup.refresh(website, 10)
    assert listed(eventType=event_type) == expected


def test_totals_are_exact_whatever_happens(website, make_website, user):
    """Store, delete and roll up in a random order."""
    chance = random.Random(5)
    sites = [website, make_website(user, "other.example")]
    for _ in range(60):
        site = chance.choice(sites)
        match chance.choice(["one", "many", "delete", "roll up", "retain"]):
            case "one" | "many" as size:
                rows = [
                    new_row(
                        website_id=site.pk,
                        event_type=chance.choice(marks.TYPES),
                        session_id=str(chance.randrange(5)),
                        id=uuid7.new_id(AT_MS + chance.randrange(10**7)),
                    )
                    for _ in range(1 if size == "one" else chance.randrange(1, 200))
                ]
                store_group(TABLE, [rows])
            case "delete":
                ids = Event.objects.of_website(site.pk).values_list("id", flat=True)
                Event.objects.filter(id__in=list(ids)[::3]).delete()
            case "roll up":
                assert rollup.refresh(site, 10)
            case "retain":
                low = uuid7.new_id(AT_MS + chance.randrange(10**6))
                default = partitions.default_name(Event)
                list(deletion.delete_range(Event, default, uuid7.LOWEST, low))
        for each in sites:
            for type in (None, *marks.TYPES):
                types = [type] if type else marks.TYPES
                stored = Event.objects.filter(website_id=each.pk, event_type__in=types)
                assert marks.total(each.pk, type) == stored.count()


def test_late_events_stay_counted_while_another_partition_is_emptied(api, website, listed):
    partitions.create(Event, Month(2026, 1))
    for at in (AT_MS, AT_MS - 40 * DAY_MS):  # in a partition of their month, and in the default one
        api.post(PATH, event_of(website, timestamp=at))
    end = uuid7.floor(AT + timedelta(days=1))
    assert list(deletion.delete_range(Event, partitions.default_name(Event), uuid7.LOWEST, end))
    assert Event.objects.count() == listed() == 1


def test_a_deleted_event_is_taken_from_its_session(api, website):
    for n in range(3):
        api.post(PATH, event_of(website, timestamp=AT_MS + n))
    rollup.refresh(website, 10)
    Event.objects.earliest("id").delete()
    Event.objects.filter(id__gte=uuid7.floor(AT + timedelta(milliseconds=2))).delete()
    assert rollup.refresh(website, 10)
    [session] = WebsiteSession.objects.all()
    assert (session.page_views, session.created_at) == (1, AT + timedelta(milliseconds=1))
    Event.objects.all().delete()
    assert rollup.refresh(website, 10)
    assert not WebsiteSession.objects.exists()
    assert marks.total(website.pk) == 0


def test_of_a_deleted_website_nothing_is_left(api, make_website, user, website):
    gone = make_website(user, "gone.example", id=uuid7.new_id(AT_MS))
    for site in (gone, website):
        api.post(PATH, event_of(site, timestamp=AT_MS))
        rollup.refresh(site, 10)
        sealing.seal(site.pk, AT.date(), ZoneInfo("UTC"))
        sealing.seal_hour(site.pk, AT.replace(minute=0, second=0, microsecond=0))
        sealed_weeks.seal(site.pk, Range(AT, AT + timedelta(days=7)), (), ZoneInfo("UTC"))
        api.post(PATH, event_of(site, timestamp=AT_MS))
    gone.delete()
    run_retention()
    models: list[Any] = [WebsiteSession, *MODELS]
    assert [model for model in models if rows_of(model, gone.pk)] == []
    kept = [model for model in models if rows_of(model, website.pk)]
    assert len(kept) == len(MODELS)  # all but heavy sessions


def rows_of(model, website_id):
    return model.objects.filter(website_id=website_id).count()


def test_statistics_may_be_kept_for_longer_than_events(api, website, clock):
    clock.set(AT + timedelta(days=100))
    for days in (10, 60, 90):
        at = AT_MS + days * 86_400_000
        api.post(PATH, event_of(website, timestamp=at, sessionId=f"day {days}"))
    assert rollup.refresh(website, 10)
    keep_days(event=30, statistics=60)
    run_retention()
    assert Event.objects.count() == marks.total(website.pk) == 1
    assert rollup.refresh(website, 10)
    kept = WebsiteSession.objects.order_by("id").values_list("session_id", flat=True)
    assert list(kept) == ["day 60", "day 90"]


@pytest.mark.django_db(databases=["default", "analytics"], transaction=True)
def test_two_deletions_of_an_event_count_it_once(api, website, foreign):
    for n in range(3):
        api.post(PATH, event_of(website, timestamp=AT_MS + n))
    [first, *_] = Event.objects.order_by("id")
    foreign.execute("DELETE FROM analytics_event WHERE id = %s", [first.pk])

    def commit():
        with connect_to_analytics(autocommit=True) as watching:
            wait_until_true(IS_ANYONE_WAITING, watching)
        foreign.commit()

    deleted, _ = run_concurrently(Event.objects.all().delete, commit)
    assert deleted[0] == 2
    assert marks.total(website.pk) == 1  # nobody marked the first one
