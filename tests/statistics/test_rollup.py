"""The rollup: sessions are made of the events that came and went"""

import random

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from analytics.events.models import Event
from analytics.reports.derived import heavy_sessions, rollup
from analytics.reports.derived.rollup_models import DirtyRange, EventTotal, HeavySession
from analytics.reports.models import WebsiteSession, WebsiteVisitor
from config.db import uuid7
from tests.support.events import AT, AT_MS, BATCH_PATH, PATH, event_of, new_id, store_event
from tests.support.query_plans import plan_of

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])
HOSTILE = [
    "NULL",
    "",
    '"',
    "\\",
    "{}",
    ",",
    "a\tb",
    "\\N",
    "\u2028 é",
    "\n",
    " ",
    "a'b",
    '\\"',
]
ENGAGED = {"name": "$engagement"}


@pytest.fixture
def post(api, website):
    """Post events of the website, each so many seconds after AT, in one batch."""

    def post(*events, website=website):
        sent = [
            event_of(website, **{"timestamp": AT_MS + seconds * 1000} | fields)
            for seconds, fields in events
        ]
        response = api.post(BATCH_PATH, {"events": sent})
        assert response.status_code == 201, response.content

    return post


def mark(website, low, high, **counts):
    """Mark a range of ids, as what stores or deletes its events does."""
    none = {"page_views": 0, "clicks": 0, "custom_events": 0}
    DirtyRange.objects.create(website_id=website.id, low=low, high=high, **none | counts)


def roll_up(website):
    assert rollup.refresh(website, 10)
    assert not DirtyRange.objects.filter(website_id=website.id).exists()


def only_session():
    [row] = WebsiteSession.objects.values()
    return row


def sessions():
    """Return the rows of all sessions by their ids, without what depends on who was seen first."""
    rows = WebsiteSession.objects.order_by("id").values()
    return [
        {name: value for name, value in row.items() if name not in ("visitor", "hit_visitors")}
        for row in rows
    ]


def test_a_session_has_all_that_its_events_say(post, website):
    opened = {"url": "https://example.com/?utm_source=news", "referrer": "https://t.co/"}
    outbound = {"kind": "outbound", "href": "https://other.example/"}
    post(
        (0, opened | {"browser": "Firefox", "location": "DE", "deviceType": "mobile"}),
        (5, {"eventType": "custom", "properties": {"name": "signup"}}),
        (9, {"eventType": "click", "properties": outbound, "visitorId": "vis-2"}),
        (20, {"url": "https://shop.example.com/b"}),
        (50, {"eventType": "custom", "properties": ENGAGED | {"seconds": 12, "scroll": 80}}),
        (60, {}),
        (70, {"eventType": "custom", "properties": ENGAGED | {"seconds": 3, "scroll": 95}}),
    )
    roll_up(website)
    row = only_session()
    first = Event.objects.order_by("id")[0]
    assert row == row | {
        "id": first.id,
        "created_at": AT,
        "website_id": website.id,
        "ended_at": uuid7.from_ms(AT_MS + 70_000),
        "page_views": 3,
        "custom_events": 1,
        "engaged_seconds": 15,
        "is_bot": False,
        "is_irregular": True,
        "is_truncated": False,
        "session_id": "sess-1",
        "hostname": "example.com",
        "entry_page": "/",
        "exit_page": "/",
        "source": "news",
        "referrer": "t.co",
        "utm_source": "news",
        "country": "DE",
        "browser": "Firefox",
        "device": "mobile",
        "hit_types": "PCOPp",
        "hit_times": [0, 5000, 9000, 20_000, 60_000],
        "hit_pages": ["/", "/", "/", "/b", "/"],
        "hit_names": [None, "signup", "https://other.example/", None, None],
        "hit_hosts": ["example.com"] * 3 + ["shop.example.com", "example.com"],
        "hit_seconds": [12, None, None, None, 3],
        "hit_scrolls": [95, None, None, None, None],
        "hit_visitors": [1, 1, 2, 1, 1],
    }
    visitors = WebsiteVisitor.objects.order_by("number").values_list("visitor_id", "number")
    assert list(visitors) == [("vis-1", 1), ("vis-2", 2)]


def test_what_is_the_same_in_all_hits_is_null(post, website):
    post((0, {}), (1, {"url": "https://example.com/b"}))
    roll_up(website)
    row = only_session()
    names = ("hit_names", "hit_hosts", "hit_seconds", "hit_scrolls", "hit_visitors")
    assert {name: row[name] for name in names} == dict.fromkeys(names)
    assert (row["visitor"], row["hit_types"]) == (1, "PP")


def test_posted_one_by_one(api, website):
    for seconds in (5, 0, 9):
        api.post(PATH, event_of(website, timestamp=AT_MS + seconds * 1000))
    assert DirtyRange.objects.count() == 3
    roll_up(website)
    assert only_session()["hit_times"] == [0, 5000, 9000]
    assert dict(EventTotal.objects.values_list("event_type", "events")) == {
        "pageview": 3,
        "click": 0,
        "custom": 0,
    }


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts(post, website, text):
    post((0, {"eventType": "custom", "properties": {"name": text}}), (1, {}))
    roll_up(website)
    assert only_session()["hit_names"] in ([text, None], None)


def test_a_late_event_makes_its_session_anew(post, website):
    post((100, {}))
    roll_up(website)
    post((0, {"url": "https://example.com/first"}))
    roll_up(website)
    row = only_session()
    assert (row["created_at"], row["entry_page"], row["exit_page"]) == (AT, "/first", "/")


def test_late_events_of_one_batch_make_no_other_sessions_anew(post, website):
    post(*((minute * 60, {"sessionId": f"sess-{minute}"}) for minute in range(50)))
    roll_up(website)
    post((5 * 60, {"sessionId": "late"}), (45 * 60, {"sessionId": "late"}))
    step = rollup.roll_up(website.id)
    assert step
    assert step.sessions == 1


def test_a_duplicate_changes_nothing(post, website):
    id = new_id()
    for _ in range(2):
        post((0, {"id": id}))
        roll_up(website)
        assert only_session()["hit_times"] == [0]
    assert EventTotal.objects.get(event_type="pageview").events == 1


def test_events_of_equal_times_keep_their_order(post, website):
    post(*((0, {"url": f"https://example.com/{number}"}) for number in range(9)))
    roll_up(website)
    assert only_session()["hit_pages"] == [f"/{number}" for number in range(9)]


def test_a_session_without_hits_has_no_row(post, website):
    post((0, {"eventType": "custom", "properties": ENGAGED | {"seconds": 5}}))
    roll_up(website)
    assert not WebsiteSession.objects.exists()


def test_events_before_the_first_hit_tell_nothing(post, website):
    post((0, {"eventType": "custom", "properties": ENGAGED, "browser": "Chrome"}), (9, {}))
    roll_up(website)
    row = only_session()
    assert (row["browser"], row["created_at"]) == (None, uuid7.from_ms(AT_MS + 9000))


def test_websites_share_a_session_id(post, website, make_website, user):
    other = make_website(user, "other.example")
    post((0, {}))
    post((5, {}), (9, {}), website=other)
    roll_up(website)
    roll_up(other)
    found = WebsiteSession.objects.values_list("website_id", "page_views")
    assert dict(found) == {website.id: 1, other.id: 2}


class TestDeletion:
    def test_of_an_event(self, post, website):
        post((0, {}), (5, {}), (9, {}))
        roll_up(website)
        Event.objects.filter(created_at__lt=uuid7.from_ms(AT_MS + 1000)).delete()
        roll_up(website)
        assert only_session()["hit_times"] == [0, 4000]

    def test_of_the_last_event(self, post, website):
        post((0, {}), (5, {}), (9, {"eventType": "custom", "properties": ENGAGED}))
        roll_up(website)
        Event.objects.filter(created_at__gt=uuid7.from_ms(AT_MS + 1000)).delete()
        roll_up(website)
        assert only_session()["ended_at"] == AT

    def test_of_all_events(self, post, website):
        post((0, {}), (5, {"sessionId": "sess-2"}))
        roll_up(website)
        Event.objects.all().delete()
        roll_up(website)
        assert not WebsiteSession.objects.exists()

    def test_of_one_that_was_never_rolled_up(self, post, website):
        post((0, {}), (5, {}))
        Event.objects.filter(created_at__gt=AT).delete()
        roll_up(website)
        assert only_session()["hit_times"] == [0]

    def test_in_a_session_of_days(self, post, website):
        post(*((day * 86_400, {}) for day in range(4)))
        roll_up(website)
        assert only_session()["is_irregular"]
        Event.objects.filter(created_at=uuid7.from_ms(AT_MS + 2 * 86_400_000)).delete()
        roll_up(website)
        assert len(only_session()["hit_times"]) == 3

    def test_and_its_id_comes_again_of_another_session(self, post, website):
        id = new_id()
        post((0, {"id": id}), (5, {}))
        roll_up(website)
        Event.objects.filter(id=id).delete()
        post((0, {"id": id, "sessionId": "sess-2"}))
        roll_up(website)
        found = WebsiteSession.objects.order_by("id").values_list("session_id", "page_views")
        assert list(found) == [("sess-2", 1), ("sess-1", 1)]

    def test_and_its_id_comes_again_of_another_website(self, post, website, make_website, user):
        other = make_website(user, "other.example")
        id = new_id()
        post((0, {"id": id}), (5, {}))
        roll_up(website)
        Event.objects.filter(id=id).delete()
        post((0, {"id": id}), website=other)
        roll_up(other)
        roll_up(website)
        found = WebsiteSession.objects.order_by("id").values_list("website_id", "created_at")
        assert list(found) == [(other.id, AT), (website.id, uuid7.from_ms(AT_MS + 5000))]


class TestParts:
    """What is too much for one transaction is made by several"""

    @pytest.mark.parametrize("most", [1, 2, 3, 7, 1000])
    def test_of_a_wide_mark(self, post, website, most):
        chance = random.Random(most)
        for seconds in range(40):
            store_event(
                AT_MS + seconds * 100_000,
                website_id=website.id,
                session_id=f"sess-{chance.randrange(12)}",
                visitor_id=f"vis-{chance.randrange(9)}",
            )
        mark(website, uuid7.LOWEST, uuid7.HIGHEST)
        steps = 0
        while rollup.is_due(website):
            assert rollup.roll_up(website.id, most=most)
            steps += 1
        assert steps >= 40 / most / 12
        made = sessions()
        assert sum(row["page_views"] for row in made) == 40
        WebsiteSession.objects.all().delete()
        rollup.rebuild(website.id)
        roll_up(website)
        assert sessions() == made

    def test_of_many_marks_that_lie_apart(self, website):
        for number in range(120):
            event = store_event(
                AT_MS + number * 3_600_000, website_id=website.id, session_id=f"sess-{number}"
            )
            mark(website, event.id, event.id, page_views=1)
        assert rollup.roll_up(website.id, most=50)
        assert rollup.is_due(website)
        roll_up(website)
        assert WebsiteSession.objects.count() == 120

    def test_make_no_session_twice(self, post, website):
        ids = [f"sess-{number}" for number in range(30)]
        post(*((second, {"sessionId": id}) for second in range(6) for id in ids))
        roll_up(website)
        for hour, id in enumerate(ids):
            post((hour * 3600, {"sessionId": id}))
        made = 0
        while step := rollup.is_due(website) and rollup.roll_up(website.id, most=40):
            made += step.sessions
        assert made == 30
        assert WebsiteSession.objects.filter(page_views=7).count() == 30

    def test_of_which_some_events_go_before_they_are_made(self, post, website):
        post(*((0, {"sessionId": f"sess-{number}"}) for number in range(9)))
        post(*((60, {"sessionId": f"sess-{number}"}) for number in range(9)))
        assert rollup.roll_up(website.id, most=4)
        Event.objects.filter(created_at=AT).delete()
        roll_up(website)
        found = WebsiteSession.objects.values_list("created_at", "page_views")
        assert list(found) == [(uuid7.from_ms(AT_MS + 60_000), 1)] * 9

    def test_keep_the_time_of_the_oldest_mark(self, clock, post, website):
        then = clock.now
        post((0, {}), (5000, {"sessionId": "sess-2"}))
        clock.move(minutes=5)
        assert rollup.roll_up(website.id, most=1)
        assert rollup.as_of(website.id, clock.now) == then

    def test_that_wait_when_all_is_made_anew(self, clock, post, website):
        for hour in range(20):
            post((hour * 3600, {"sessionId": f"sess-{hour}"}))
            clock.move(minutes=1)
        made = 0
        while step := rollup.is_marked(website.id) and rollup.roll_up(website.id, most=3):
            made += step.sessions
        assert WebsiteSession.objects.count() == 20
        assert made < 25


class TestHeavySessions:
    @pytest.fixture(autouse=True)
    def _few_events_are_many(self, monkeypatch):
        monkeypatch.setattr(heavy_sessions, "EVENTS", 3)

    def test_are_made_every_ten_minutes(self, clock, post, website):
        post(*((second, {}) for second in range(4)))
        roll_up(website)
        post((9, {}), (10, {"sessionId": "sess-2"}))
        made_at = clock.now
        roll_up(website)
        found = WebsiteSession.objects.order_by("id").values_list("session_id", "page_views")
        assert list(found) == [("sess-1", 4), ("sess-2", 1)]
        clock.move(minutes=9)
        assert not rollup.is_due(website)
        assert rollup.as_of(website.id, clock.now) == made_at
        clock.move(minutes=2)
        roll_up(website)
        assert dict(found.all()) == {"sess-1": 5, "sess-2": 1}
        assert rollup.as_of(website.id, clock.now) == clock.now

    def test_are_made_at_once_by_a_rebuild(self, clock, post, website):
        post(*((second, {}) for second in range(4)))
        roll_up(website)
        post((9, {}))
        roll_up(website)
        rollup.roll_up(website.id, all_heavy=True)
        assert only_session()["page_views"] == 5

    def test_are_made_by_several_transactions(self, clock, post, website, monkeypatch):
        monkeypatch.setattr(heavy_sessions, "MAX_DUE", 2)
        ids = [f"sess-{number}" for number in range(5)]
        for second in range(4):
            post(*((second, {"sessionId": id}) for id in ids))
        roll_up(website)
        post(*((9, {"sessionId": id}) for id in ids))
        roll_up(website)
        clock.move(minutes=11)
        step = rollup.roll_up(website.id)
        assert step
        assert step.sessions == 2
        post((10, {"sessionId": "sess-4"}))
        roll_up(website)
        assert not rollup.is_due(website)
        found = WebsiteSession.objects.values_list("session_id", "page_views")
        assert dict(found) == dict.fromkeys(ids, 5) | {"sess-4": 6}

    def test_are_forgotten_when_they_rest(self, clock, post, website):
        post(*((second, {}) for second in range(4)))
        roll_up(website)
        clock.move(minutes=11)
        post((0, {"sessionId": "sess-2"}))
        roll_up(website)
        assert not HeavySession.objects.exists()


class TestRules:
    """Sessions are made anew when what they depend on changes"""

    def test_of_pages(self, post, website):
        post((0, {"url": "https://example.com/user/7/"}))
        roll_up(website)
        website.change(page_rules={"patterns": ["/user/*/"]})
        assert rollup.is_due(website)
        roll_up(website)
        assert only_session()["hit_pages"] == ["/user/*/"]
        assert not rollup.is_due(website)

    def test_of_hosts(self, post, website):
        post((0, {"referrer": "https://partner.example/"}))
        roll_up(website)
        assert only_session()["source"] == "partner.example"
        website.change(allowed_hosts=["*.partner.example", "example.com"])
        roll_up(website)
        assert only_session()["source"] is None

    def test_of_facts(self, post, website, monkeypatch):
        post((0, {}))
        roll_up(website)
        WebsiteSession.objects.update(entry_page="/old")
        monkeypatch.setattr("analytics.reports.derived.site_rules.VERSION", 0)
        roll_up(website)
        assert only_session()["entry_page"] == "/"

    def test_that_do_not_matter_to_them(self, post, website):
        post((0, {}))
        roll_up(website)
        website.change(timezone="Europe/Berlin", ignored_networks=["192.0.2.0/24"])
        assert not rollup.is_due(website)

    def test_that_a_process_has_read_before_they_changed(self, post, website):
        post((0, {"url": "https://example.com/user/7/"}))
        old = website.__class__.objects.get()
        website.change(page_rules={"patterns": ["/user/*/"]})
        assert rollup.roll_up(old.id)
        assert rollup.is_due(old)  # its website is as it was
        roll_up(website)
        assert only_session()["hit_pages"] == ["/user/*/"]


def test_events_from_before_the_first_rollup(website):
    store_event(website_id=website.id)
    roll_up(website)
    assert only_session()["hit_times"] == [0]


def test_marks_of_a_deleted_website(post, website):
    post((0, {}))
    id = website.id
    website.delete()
    assert rollup.roll_up(id)
    assert not DirtyRange.objects.exists()
    assert not WebsiteSession.objects.exists()


def test_an_event_of_a_commit_that_comes_late(post, website):
    """Its transaction was open while younger events came, and were rolled up."""
    early = uuid7.new_id(AT_MS - 60_000)
    post((0, {}))
    roll_up(website)
    store_event(AT_MS - 60_000, id=early, website_id=website.id)
    mark(website, early, early, page_views=1)
    roll_up(website)
    assert only_session()["id"] == early


def test_the_plan_reads_no_whole_table(post, website):
    post((0, {}))
    with connections["analytics"].cursor() as cursor:
        cursor.execute("ANALYZE")
        cursor.execute("SET LOCAL enable_seqscan = off")
    roll_up(website)
    assert only_session()["page_views"] == 1


def test_the_plan_reads_no_other_sessions_where_postgresql_knows_no_numbers(website):
    """As in the partition of a month that has just begun: nobody has analyzed it yet."""
    for number in range(500):
        store_event(AT_MS + number, website_id=website.id, session_id=f"sess-{number}")
    with CaptureQueriesContext(connections["analytics"]) as asked:
        roll_up(website)
    [read] = [each["sql"] for each in asked if "LIMIT 50000" in each["sql"]]
    _, indexes = plan_of(read, allow_scans=False)
    assert indexes == {"event_session_hash"}
