"""`manage.py demo_traffic`"""

import re
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from analytics.events.models import ClientContext, Event
from analytics.reports.derived.rollup_models import DirtyRange
from analytics.reports.models import WebsiteSession
from analytics.streams import partitions
from tests.support.cleanup import drop_partitions
from tests.support.pages import text_of
from websites import first_run
from websites.models import Website

# Each day is a transaction of its own.
pytestmark = pytest.mark.django_db(databases=["default", "analytics"], transaction=True)

DAYS = ("--days", "3")
AT = datetime(2026, 3, 5, 14, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_months_stay():
    yield
    drop_partitions()


@pytest.fixture(autouse=True)
def _now(clock):
    clock.set(AT)


@pytest.fixture
def demo():
    """The demo website, as a first run makes it."""
    first_run.create_admin_and_website("SecurePass123")
    return Website.objects.get()


def demo_traffic(*options):
    out = StringIO()
    call_command("demo_traffic", *options, stdout=out)
    return out.getvalue()


def all_events():
    return set(Event.objects.values_list("id", flat=True))


def test_it_fills_the_demo_website_until_now(demo):
    said = demo_traffic(*DAYS)
    events, contexts = Event.objects.count(), ClientContext.objects.count()
    assert said.startswith(f"Demo (demo.example): {events + contexts:,} rows added; {events:,} ")
    assert f"of {contexts:,} visits on 4 days" in said
    assert re.search(r"are there, and its statistics; \d+\.\d s\.$", said.strip())
    assert events > 4000
    times = sorted(Event.objects.values_list("created_at", flat=True))
    assert times[0].date() == datetime(2026, 3, 2, tzinfo=UTC).date()
    assert datetime(2026, 3, 5, 14, tzinfo=UTC) < times[-1] < AT
    assert set(Event.objects.values_list("website_id", flat=True)) == {demo.pk}
    assert all(event.url.startswith("https://demo.example/") for event in Event.objects.all())


def test_the_dashboard_shows_it_at_once(demo, client):
    demo_traffic(*DAYS)
    assert not DirtyRange.objects.exists()
    assert WebsiteSession.objects.count() == ClientContext.objects.count()
    client.force_login(demo.user)
    text = text_of(client.get(f"/websites/{demo.pk}/"))
    for each in ("/pricing", "Google", "United States", "Chrome", "signup"):
        assert each in text
    assert "No event has come yet" not in text


def test_it_has_what_each_list_of_the_dashboard_shows(demo):
    demo_traffic(*DAYS)
    events = [event.properties for event in Event.objects.all()]
    named = {each.get("name") for each in events}
    assert {"signup", "purchase", "search", "add_to_cart", "$engagement"} <= named
    assert {each.get("kind") for each in events} >= {"outbound", "download", "internal"}
    assert any(each.get("revenue", 0) > 0 for each in events)
    sessions = WebsiteSession.objects.filter(is_bot=False)
    for field in ("country", "browser", "screen", "source", "channel"):
        assert sessions.values(field).distinct().count() > 4


def test_months_of_the_past_get_partitions(demo):
    demo_traffic("--days", "5")
    for model in (Event, ClientContext, WebsiteSession):
        assert list(partitions.months_in_default(model)) == []


def test_again_it_adds_nothing(demo):
    demo_traffic(*DAYS)
    first = all_events()
    said = demo_traffic(*DAYS)
    assert ": 0 rows added; " in said
    assert all_events() == first


def test_later_it_adds_what_has_come_since(demo, clock):
    demo_traffic(*DAYS)
    first = all_events()
    clock.move(hours=20)
    demo_traffic("--days", "4")
    assert first < all_events()
    since = Event.objects.exclude(id__in=first)
    assert all(event.created_at >= AT for event in since)
    demo_traffic("--days", "6")
    assert Event.objects.filter(id__in=first).count() == len(first)


def test_a_run_that_was_stopped_is_resumed(demo):
    demo_traffic(*DAYS)
    first = all_events()
    Event.objects.between(end=datetime(2026, 3, 4, 12, tzinfo=UTC)).delete()
    demo_traffic(*DAYS)
    assert all_events() == first


def test_the_traffic_has_grown(demo):
    demo_traffic("--days", "14")
    times = Event.objects.values_list("created_at", flat=True)
    weeks = [sum((AT - at).days // 7 == n for at in times) for n in (1, 0)]
    assert weeks[0] < weeks[1]


def test_another_website_must_be_named(website):
    with pytest.raises(CommandError, match="There is no demo website"):
        demo_traffic(*DAYS)
    assert not Event.objects.exists()
    demo_traffic(*DAYS, "--website", str(website.pk))
    assert set(Event.objects.values_list("website_id", flat=True)) == {website.pk}


def test_a_website_of_the_same_host_that_is_not_an_admins_is_another_one(make_website, user):
    make_website(user, domain="demo.example")
    with pytest.raises(CommandError, match="There is no demo website"):
        demo_traffic(*DAYS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--days", "0"], "--days must be from 1 to 366."),
        (["--days", "367"], "--days must be from 1 to 366."),
        (["--website", "demo"], "There is no website demo."),
        (
            ["--website", "019c0427-2440-74f8-996d-a763b7a969b1"],
            "There is no website 019c0427-2440-74f8-996d-a763b7a969b1.",
        ),
    ],
)
def test_bad_options_are_rejected_with_a_message(demo, options, message):
    with pytest.raises(CommandError) as refusal:
        demo_traffic(*options)
    assert str(refusal.value) == message
    assert not Event.objects.exists()
