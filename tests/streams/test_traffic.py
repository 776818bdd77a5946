"""`python -m tests.traffic`"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import pairwise

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count

from analytics.events.models import ClientContext, Event
from analytics.funnel.models import FunnelEvent
from analytics.platform import stats
from analytics.platform.models import PlatformEvent
from analytics.reports.derived import rollup
from analytics.reports.derived.rollup_models import DirtyRange
from analytics.reports.models import WebsiteSession
from analytics.sessions.models import PageView, Session
from analytics.streams import partitions
from analytics.streams.base import streams
from config.db import uuid7
from tests.support.cleanup import drop_partitions
from tests.traffic.command import Command
from websites.models import User, Website

# It vacuums at its end, which no transaction allows.
pytestmark = pytest.mark.django_db(databases=["default", "analytics"], transaction=True)

ROWS = 1000
PERIOD = ("--months", "1", "--until", "2026-03-05")
START, END = datetime(2026, 2, 5, tzinfo=UTC), datetime(2026, 3, 5, tzinfo=UTC)
# Website sessions are made of the events, by the server.
GENERATED = [model for model in streams() if model is not WebsiteSession]


@pytest.fixture(autouse=True)
def _no_months_stay():
    yield
    drop_partitions()


def generate(*options, events=ROWS):
    out = StringIO()
    arguments = ("--events", str(events), "--yes-really", *PERIOD, *options)
    call_command(Command(), *arguments, stdout=out)
    return out.getvalue().splitlines()


def generate_sites(sites, *options):
    out = StringIO()
    arguments = ("--sites", sites, "--yes-really", "--days", "10", "--until", "2026-03-05")
    call_command(Command(), *arguments, *options, stdout=out)
    return out.getvalue().splitlines()


def website_sessions():
    """Return the sessions that the rollup makes of the events of all websites."""
    for website in Website.objects.all():
        assert rollup.refresh(website, 60)
    return list(WebsiteSession.objects.all())


def all_ids():
    return {id for model in GENERATED for id in model._default_manager.values_list("id", flat=True)}


def test_it_generates_the_requested_number_of_rows():
    lines = generate()
    assert lines[-1].startswith("1,000 rows from 2026-02-05 to 2026-03-05 in ")
    assert lines[-1].endswith(" per second.")
    assert sum(model._default_manager.count() for model in GENERATED) == ROWS
    assert all(model._default_manager.exists() for model in GENERATED)
    assert Event.objects.count() > ROWS / 2


@pytest.mark.parametrize("events", [1, 2, 7])
def test_few_rows_are_as_exact(events):
    generate(events=events)
    assert len(all_ids()) == events


def test_each_row_is_in_its_month_and_its_id_has_its_time():
    generate()
    for model in GENERATED:
        rows = list(model._default_manager.values_list("id", "created_at"))
        assert {id.version for id, _ in rows} == {7}, model
        assert {id.variant for id, _ in rows} == {"specified in RFC 4122"}, model
        assert [uuid7.time_of(id) for id, _ in rows] == [at for _, at in rows], model
        assert all(START <= at < END for _, at in rows), model
        assert list(partitions.months_in_default(model)) == [], model


def test_events_are_of_websites_that_are_there():
    generate()
    websites = set(Website.objects.values_list("id", flat=True))
    assert set(Event.objects.values_list("website_id", flat=True)) <= websites
    hosts = {f"https://{website.domain}/" for website in Website.objects.all()}
    assert {"/".join(url.split("/")[:3]) + "/" for url in
            Event.objects.values_list("url", flat=True)} <= hosts  # fmt: skip


def test_events_have_the_properties_that_the_tracking_script_sends():
    generate()
    seen: dict[str, set[tuple[str, ...]]] = {"pageview": set(), "click": set(), "custom": set()}
    for event in Event.objects.all():
        seen[event.event_type].add(tuple(event.properties))
    assert seen["pageview"] == {("title", "pathname", "screen"), ("title", "pathname")}
    assert seen["click"] == {("elementText", "href", "kind")}
    assert ("name", "seconds", "scroll", "page") in seen["custom"]
    assert ("sku", "quantity", "name") in seen["custom"]
    views = set(map(str, Event.objects.filter(event_type="pageview").values_list("id", flat=True)))
    engaged = Event.objects.filter(properties__name="$engagement")
    assert {event.properties["page"] for event in engaged} <= views


def test_visits_are_like_those_of_people():
    generate_sites("6000")
    found = [each for each in website_sessions() if not each.is_bot]
    assert not DirtyRange.objects.exists()
    bounced = sum(each.page_views == 1 for each in found) / len(found)
    assert 0.4 < bounced < 0.6
    assert len({each.page_views for each in found}) > 5
    assert len({each.source for each in found}) > 8
    assert {each.channel for each in found} > {"Direct", "Organic Search", "Paid Search", "Email"}
    assert len({each.country for each in found}) > 10
    assert all(each.country and each.browser and each.screen for each in found)
    assert any(each.created_at.date() < each.ended_at.date() for each in found)
    letters = set("".join(each.hit_types.lower() for each in found))
    assert letters == set("pcodl")
    engaged = [each for each in found if each.engaged_seconds]
    assert len(engaged) > 0.7 * len(found)


def test_visitors_come_back_with_the_same_browser_from_the_same_place():
    generate_sites("6000")
    by_visitor: dict[int, list[WebsiteSession]] = {}
    for each in website_sessions():
        by_visitor.setdefault(each.visitor, []).append(each)
    back = [
        found
        for found in by_visitor.values()
        if len({each.created_at.date() for each in found}) > 1
    ]
    assert len(back) > 0.05 * len(by_visitor)
    for found in back:
        assert len({(each.browser, each.os, each.screen, each.country) for each in found}) == 1


def test_some_pages_are_popular():
    generate_sites("6000")
    views = Event.objects.filter(event_type="pageview").values_list("url", flat=True)
    pages = Counter(url.partition("?")[0] for url in views)
    assert pages.most_common(1)[0][1] > 10 * sorted(pages.values())[len(pages) // 2]


def test_a_few_visits_are_of_bots_which_do_nothing():
    generate_sites("6000")
    bots = set(ClientContext.objects.filter(is_bot=True).values_list("session_id", flat=True))
    assert 0 < len(bots) < 0.05 * ClientContext.objects.count()
    assert {event.event_type for event in Event.objects.filter(session_id__in=bots)} == {"pageview"}


def test_each_given_website_has_its_number_of_events():
    lines = generate_sites("300,7x2")
    assert lines[-1].startswith("314 rows from 2026-02-23 to 2026-03-05 in ")
    numbers = Event.objects.values_list("website_id").annotate(n=Count("id"))
    assert sorted(n for _, n in numbers) == [7, 7, 300]
    times = sorted(Event.objects.values_list("created_at", flat=True))
    assert times[0] >= datetime(2026, 2, 23, tzinfo=UTC)
    assert times[-1] < END
    assert {id for id, _ in numbers} == set(Website.objects.values_list("id", flat=True))
    assert {model for model in GENERATED if model._default_manager.exists()} == {
        Event,
        ClientContext,
    }


def test_given_websites_are_resumed_too():
    generate_sites("300,7x2")
    first = all_ids()
    Event.objects.between(end=END - timedelta(days=3)).delete()
    generate_sites("300,7x2")
    assert all_ids() == first
    assert Website.objects.count() == 3


def test_given_websites_belong_to_whom_they_are_for():
    owner = User.objects.create_user("me@example.com", "SecurePass123")
    generate_sites("20", "--owner", "Me@example.com")
    assert Website.objects.get().user == owner
    owner.refresh_from_db()
    assert owner.has_usable_password()


def test_sessions_count_their_page_views():
    generate()
    counted = Counter(PageView.objects.values_list("session_id", flat=True))
    sessions = {session.id: session for session in Session.objects.all()}
    assert counted.keys() <= sessions.keys()
    for id, session in sessions.items():
        assert session.page_views == counted[id]
        assert session.bounced == (counted[id] < 2)
        assert session.duration_seconds % 30 == 0
        assert session.last_active_at >= session.created_at
    assert len({session.page_views for session in sessions.values()}) > 3


def test_a_page_view_lasts_until_the_next_one():
    generate()
    several = PageView.objects.values("session_id").annotate(n=Count("id")).filter(n__gt=1)
    for group in several:
        views = list(PageView.objects.of_session(group["session_id"]).order_by("id"))
        for view, following in pairwise(views):
            lasted = (following.created_at - view.created_at).total_seconds()
            assert view.duration_seconds == pytest.approx(lasted)


def test_users_of_funnel_events_cannot_log_in():
    generate()
    assert FunnelEvent.objects.exists()
    assert not any(user.has_usable_password() for user in User.objects.all())


def test_weeks_and_days_have_their_rhythm():
    generate(events=10_000)
    times = Event.objects.values_list("created_at", flat=True)
    days, hours = Counter(at.weekday() for at in times), Counter(at.hour for at in times)
    assert days[1] > days[5] * 1.2
    assert hours[19] > hours[3] * 3


def test_the_same_seed_again_adds_only_missing_rows():
    generate()
    first = all_ids()
    generate()
    assert all_ids() == first
    middle = uuid7.floor(datetime(2026, 2, 17, 12, tzinfo=UTC))
    for model in GENERATED:
        model._default_manager.filter(id__lt=middle).delete()
    assert 0 < len(all_ids()) < ROWS
    generate()
    assert all_ids() == first


def test_another_seed_is_other_traffic():
    generate()
    first = all_ids()
    generate("--seed", "2")
    assert len(all_ids()) == 2 * ROWS
    assert len(all_ids() - first) == ROWS
    assert Website.objects.count() == 10


def test_a_database_that_may_be_in_use_is_left_alone():
    with pytest.raises(CommandError, match="looks like real traffic"):
        call_command(Command(), "--events", "10")
    assert not User.objects.exists()
    assert all_ids() == set()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--events", "0"], "--events must be at least 1."),
        (["--sites", "5,"], "'' is not a number of events; write it like 500000x9."),
        (["--sites", "0x3"], "'0x3' is not a number of events; write it like 500000x9."),
        (["--sites", "5x1001"], "--sites may be 1000 at most."),
        (["--sites", "5", "--days", "0"], "--days must be from 1 to 3660."),
        (["--events", "5", "--months", "0"], "--months must be from 1 to 120."),
        (["--events", "5", "--months", "121"], "--months must be from 1 to 120."),
        (["--events", "5", "--until", "soon"], "'soon' is not a day; write it like 2026-11-24."),
        (["--events", "5", "--until", "2999-01-01"], "--until 2999-01-01 is in the future."),
    ],
)
def test_bad_options_are_rejected_with_a_message(options, message):
    with pytest.raises(CommandError) as refusal:
        call_command(Command(), "--yes-really", *options)
    assert str(refusal.value) == message
    assert not User.objects.exists()


def test_the_totals_count_the_platform_events():
    generate()
    events = PlatformEvent.objects.count()
    assert stats.rebuild() == stats.Rebuilt(events=events, mended=0)
    generate()
    assert stats.rebuild() == stats.Rebuilt(events=events, mended=0)
