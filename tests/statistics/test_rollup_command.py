"""`manage.py rollup`: once, all anew, checked, and for ever"""

import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from analytics.reports.derived import rollup_runs, sealing
from analytics.reports.derived.rollup_models import DirtyRange, EventTotal, RollupCheck
from analytics.reports.derived.sealed_models import Breakdown, SealedDay, SealedHour, VisitorSet
from analytics.reports.facts import session_events
from analytics.reports.models import WebsiteSession
from config.db import uuid7
from tests.support.databases import failing
from tests.support.events import AT, AT_MS, BATCH_PATH, PATH, event_of, store_event

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])
DAY = 86_400


@pytest.fixture
def visits(api, website):
    """Post visits of several days, some across midnight."""
    sent = [
        event_of(
            website,
            timestamp=AT_MS + 1000 * (number * 7 * 3600 + second),
            sessionId=f"sess-{number}",
            visitorId=f"vis-{number % 5}",
            url=f"https://example.com/{second % 3}",
        )
        for number in range(12)
        for second in (0, 30, 9000)
    ]
    assert api.post(BATCH_PATH, {"events": sent}).status_code == 201


@pytest.fixture(autouse=True)
def _days_later(clock):
    clock.set(AT + timedelta(days=5))


def run(*arguments):
    """Run the command; return its exit code and its last line, with times as T."""
    out = StringIO()
    code: Any = 0
    try:
        call_command("rollup", *arguments, stdout=out)
    except SystemExit as end:
        code = end.code
    lines = out.getvalue().rstrip().splitlines()
    return code, re.sub(r"[\d.]+ s\.", "T.", lines[-1]), lines[:-1]


def rows(model):
    return list(model.objects.order_by("pk").values())


def test_once(visits, website):
    assert run()[:2] == (0, "12 sessions made of 36 events, 6 days, hours or weeks sealed.")
    assert not DirtyRange.objects.exists()
    assert SealedDay.objects.count() == 5
    assert run()[:2] == (0, "0 sessions made of 0 events, 0 days, hours or weeks sealed.")


def test_a_late_event_unseals_its_day_and_week_only(api, visits, website):
    run()
    api.post(PATH, event_of(website, sessionId="late", timestamp=AT_MS + 1000 * DAY))
    assert run()[:2] == (0, "1 sessions made of 1 events, 2 days, hours or weeks sealed.")


def test_a_rebuild_makes_what_the_rollups_made(api, visits, website):
    run()
    for hours in (30, 5, 61):
        api.post(PATH, event_of(website, sessionId="sess-3", timestamp=AT_MS + hours * 3_600_000))
        run()
    made = rows(WebsiteSession)
    WebsiteSession.objects.filter(id__gt=made[5]["id"]).delete()
    WebsiteSession.objects.update(page_views=77, entry_page="/wrong")
    assert run("--rebuild")[:2] == (0, "12 sessions of 39 events made in T.")
    assert rows(WebsiteSession) == made
    assert run("--check")[0] == 0


def test_a_rebuild_of_one_website(visits, website, make_website, user):
    other = make_website(user, "other.example")
    store_event(website_id=other.id)
    assert run("--rebuild", "--website", str(other.id))[1] == "1 sessions of 1 events made in T."
    assert DirtyRange.objects.filter(website_id=website.id).exists()


@pytest.mark.parametrize("id", ["x", "", "019c0630-fe00-70c8-aa3a-de3497964cb8"])
def test_an_unknown_website(id):
    with pytest.raises(CommandError, match=f"There is no website {id}"):
        run("--check", "--website", id)


class TestCheck:
    def test_all_is_right(self, visits, website):
        run()
        code, last, rest = run("--check")
        assert (code, rest) == (0, [])
        assert re.fullmatch(
            r"\d+ sessions, totals and values of 5 days compared, all are right.", last
        )
        assert RollupCheck.objects.get().differences == 0

    def test_it_rolls_up_first(self, visits, website):
        assert run("--check")[0] == 0
        assert WebsiteSession.objects.count() == 12

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("page_views", 4),
            ("entry_page", "/other"),
            ("hit_pages", ["/0", "/0", "/1"]),
            ("hit_times", [0, 1, 2]),
            ("visitor", 9),
            ("source", "Google"),
            ("is_bot", True),
        ],
    )
    def test_a_row_that_was_changed_by_hand(self, visits, website, field, value):
        run()
        id = WebsiteSession.objects.order_by("id")[4].pk
        WebsiteSession.objects.filter(pk=id).update(**{field: value})
        code, last, rest = run("--check")
        assert code == 1
        assert f"session 'sess-4' of {website.id}: {field} is {value!r}" in "\n".join(rest)
        assert last.endswith("differ: manage.py rollup --rebuild mends them.")
        run("--rebuild")
        assert run("--check")[0] == 0

    def test_a_row_that_is_missing(self, visits, website):
        run()
        WebsiteSession.objects.filter(session_id="sess-4").delete()
        code, _, rest = run("--check")
        assert (code, rest[0]) == (1, f"session 'sess-4' of {website.id}: 0 rows instead of 1")

    def test_a_row_without_events(self, visits, website):
        run()
        row = WebsiteSession.objects.get(session_id="sess-4")
        row.pk, row.session_id = uuid7.new_id(AT_MS), "sess-x"
        row.save(force_insert=True)
        code, _, rest = run("--check")
        assert (code, rest[0]) == (1, f"session 'sess-x' of {website.id}: 1 rows instead of 0")

    def test_a_total(self, visits, website):
        run()
        EventTotal.objects.filter(event_type="click").update(events=3)
        code, _, rest = run("--check")
        assert (code, rest) == (1, [f"total of click of {website.id}: 3 instead of 0"])
        run("--rebuild")
        assert run("--check")[0] == 0

    @pytest.mark.parametrize("changed", ["numbers", "visitors"])
    def test_a_sealed_day(self, visits, website, changed):
        run()
        row = Breakdown.objects.filter(dimension="page").order_by("day")[0]
        if changed == "numbers":
            exits = Breakdown.objects.get(dimension="exitPage", day=row.day)
            assert exits.data != row.data
            Breakdown.objects.filter(pk=row.pk).update(data=exits.data)
        else:
            first = VisitorSet.objects.filter(dimension="page", day=row.day, position=0)
            other = VisitorSet.objects.exclude(numbers=first.get().numbers)[0]
            first.update(numbers=other.numbers)
        code, _, rest = run("--check")
        assert code == 1
        assert rest[0].startswith(f"page of {row.day} of {website.id}: ")

    def test_a_sample(self, visits, website):
        run()
        assert " of 2 days compared" in run("--check", "--days", "2")[1]

    def test_differences_are_counted_for_ever(self, visits, website, api, settings):
        run()
        WebsiteSession.objects.filter(session_id="sess-4").update(page_views=9)
        for _ in range(2):
            run("--check")
        body = api.get("/metrics").content.decode()
        assert (
            sample("millrace_rollup_drift_total", body)
            == RollupCheck.objects.order_by("id")[0].differences * 2
            > 0
        )


def sample(name, body):
    """Return the value of a metric."""
    [value] = re.findall(rf"^{name} (\S+)$", body, re.MULTILINE)
    return float(value)


class Stopped(Exception):
    pass


class TestForever:
    @pytest.fixture
    def passes(self, clock):
        """Go on for so many passes, between which something happens; return the pauses."""

        def go(*between):
            pauses = []

            def pause(seconds):
                pauses.append(seconds)
                if len(pauses) > len(between):
                    raise Stopped
                clock.move(seconds=rollup_runs.PAUSE_SECONDS)
                between[len(pauses) - 1]()

            with pytest.raises(Stopped):
                rollup_runs.run_forever(pause)
            return pauses

        return go

    def test_what_comes_is_rolled_up(self, passes, api, website):
        passes(lambda: api.post(PATH, event_of(website)))
        assert WebsiteSession.objects.count() == 1

    def test_a_change_of_rules_is_noticed(self, passes, visits, website):
        rules = {"patterns": ["/*"]}
        passes(lambda: website.change(page_rules=rules))
        assert set(WebsiteSession.objects.values_list("entry_page", flat=True)) == {"/*"}

    def test_days_that_are_over_are_sealed_every_hour(self, passes, clock, visits, website):
        passes(lambda: Breakdown.objects.all().delete() and SealedDay.objects.all().delete())
        assert not SealedDay.objects.exists()
        passes(lambda: None, lambda: clock.move(hours=1))
        assert SealedDay.objects.count() == 5

    def test_hours_of_busy_websites_are_sealed_every_five_minutes(
        self, passes, clock, api, website, monkeypatch
    ):
        monkeypatch.setattr(sealing, "SESSIONS_OF_HOUR", 1)

        def post(session, days):
            at = uuid7.to_ms(clock.now - timedelta(days=days, hours=2))
            api.post(PATH, event_of(website, sessionId=session, timestamp=at))

        found = []

        def later(**time):
            found.append((SealedDay.objects.count(), SealedHour.objects.count()))
            clock.move(**time)

        passes(
            lambda: [post("today", 0), post("before", 1)],
            lambda: later(minutes=5),
            lambda: later(hours=1),
            lambda: later(seconds=1),
        )
        assert found == [(0, 0), (0, 1), (1, 1)]

    def test_a_database_that_is_away_is_awaited(self, passes, api, website, caplog, monkeypatch):
        monkeypatch.setattr(connections, "close_all", lambda: None)  # the test's own transaction
        api.post(PATH, event_of(website))
        away = failing("analytics", "the analytics database is away")
        away.__enter__()
        passes(lambda: away.__exit__(None, None, None))
        assert WebsiteSession.objects.count() == 1
        assert caplog.messages == [
            "The rollup needs a database that is away: the analytics database is away"
        ]

    def test_a_website_that_fails_stops_no_other(
        self, passes, visits, website, make_website, user, monkeypatch, caplog
    ):
        other = make_website(user, "other.example")
        store_event(website_id=other.id, session_id="other")
        make = session_events.facts_of_sessions

        def fail(website_id, *more):
            if website_id == website.id:
                raise ValueError("a fault")
            return make(website_id, *more)

        monkeypatch.setattr("analytics.reports.derived.rollup.facts_of_sessions", fail)
        passes()
        assert set(WebsiteSession.objects.values_list("website_id", flat=True)) == {other.id}
        assert caplog.messages == [f"The rollup of website {website.id} failed"]
        assert DirtyRange.objects.filter(website_id=website.id).exists()


def test_the_lag_is_measured(clock, api, website):
    store_event(website_id=website.id)
    api.post(PATH, event_of(website))
    clock.move(minutes=11)
    body = api.get("/metrics").content.decode()
    assert sample("millrace_rollup_lag_seconds", body) == 660
    assert 'millrace_statistics_rows{table="analytics_breakdown"} ' in body
    run()
    clock.move(minutes=1)
    assert "millrace_rollup_lag_seconds 0.0" in api.get("/metrics").content.decode()
