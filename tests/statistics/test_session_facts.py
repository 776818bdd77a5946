"""Facts of a session, from its events and client contexts"""

import json
import random
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.events.models import ClientContextRow, EventRow
from analytics.reports.facts.pages import PageRules
from analytics.reports.facts.session_facts import MAX_HITS, SiteRules, facts_of
from config.db import uuid7

START_MS = 1_769_630_400_000
WEBSITE = UUID(int=1)
RULES = SiteRules(PageRules(), frozenset({"example.com"}))
ENGAGED = {"name": "$engagement"}


def event(seconds=0, event_type="pageview", path="/", *, properties=None, id=None, **fields):
    """Return an event so many seconds after the start."""
    ms = START_MS + round(seconds * 1000)
    row: dict[str, Any] = {
        "id": id or uuid7.new_id(ms),
        "created_at": uuid7.from_ms(ms),
        "website_id": WEBSITE,
        "event_type": event_type,
        "url": f"https://example.com{path}",
        "referrer": None,
        "session_id": "sess-1",
        "visitor_id": "vis-1",
        "device_type": None,
        "browser": None,
        "os": None,
        "location": None,
        "properties": None if properties is None else json.dumps(properties),
    }
    return EventRow(**row | fields)


def custom(seconds, properties, **fields):
    return event(seconds, "custom", properties=properties, **fields)


def context(seconds=0, **fields):
    """Return a client context so many seconds after the start."""
    ms = START_MS + seconds * 1000
    row: dict[str, Any] = dict.fromkeys(ClientContextRow._fields) | {
        "id": uuid7.new_id(ms),
        "created_at": uuid7.from_ms(ms),
        "website_id": WEBSITE,
        "session_id": "sess-1",
        "is_bot": False,
    }
    return ClientContextRow(**row | fields)


def facts(*events, contexts=(), rules=RULES):
    return facts_of(events, contexts, rules)


def test_a_session_is_what_its_events_say():
    found = facts(
        event(0, path="/a?utm_source=News&utm_medium=email", referrer="https://t.co/x"),
        custom(5, {"name": "signup"}, path="/a"),
        event(9, "click", "/a", properties={"kind": "outbound", "href": "https://other.example/"}),
        event(20, path="/b"),
        custom(50, ENGAGED | {"seconds": 12, "scroll": 80}, path="/b"),
    )
    assert found.types == "pcop"
    assert [hit.name for hit in found.hits] == [None, "signup", "https://other.example/", None]
    assert [hit.page for hit in found.hits] == ["/a", "/a", "/a", "/b"]
    assert (found.page_views, found.custom_events, found.engaged_seconds) == (2, 1, 12)
    assert (found.entry_page, found.exit_page, found.hostname) == ("/a", "/b", "example.com")
    assert (found.source, found.channel, found.referrer) == ("news", "Email", "t.co")
    assert found.utm == ("News", "email", None, None, None)
    assert found.ended_at - found.started_at == timedelta(seconds=50)


@pytest.mark.parametrize(
    ("event_type", "properties", "type", "name"),
    [
        ("click", None, "l", None),
        ("click", {"kind": "internal", "href": "/x"}, "l", None),
        (
            "click",
            {"kind": "download", "href": "https://example.com/a.pdf"},
            "d",
            "https://example.com/a.pdf",
        ),
        ("click", {"kind": ["outbound"]}, "l", None),
        ("click", {"kind": "outbound", "href": 5}, "o", None),
        ("custom", None, "c", None),
        ("custom", {"name": ""}, "c", None),
        ("custom", {"name": {"$a": 1}}, "c", None),
        ("custom", {"name": "a$"}, "c", "a$"),
        ("custom", {"deep": [[[{"name": "$x"}]]], "name": "é"}, "c", "é"),
    ],
)
def test_a_hit_has_a_type_and_a_name(event_type, properties, type, name):
    [hit] = facts(event(0, event_type, properties=properties)).hits
    assert (hit.type, hit.name) == (type, name)


@pytest.mark.parametrize("name", ["$engagement", "$anything", "$"])
def test_reserved_events_alone_make_no_session(name):
    assert facts(custom(0, {"name": name})) is None


def test_a_reserved_event_begins_no_session_but_may_end_it():
    found = facts(custom(0, {"name": "$x"}), event(10), custom(30, {"name": "$x"}))
    assert (found.started_at, found.ended_at) == (
        uuid7.from_ms(START_MS + 10_000),
        uuid7.from_ms(START_MS + 30_000),
    )


def test_each_engagement_tells_all_of_its_page_view():
    view = event(0, path="/a")
    found = facts(
        view,
        event(1, path="/a"),
        custom(9, ENGAGED | {"seconds": 4, "scroll": 70, "page": str(view.id)}, path="/a"),
        custom(19, ENGAGED | {"seconds": 9, "scroll": 60, "page": str(view.id)}, path="/a"),
        custom(20, ENGAGED | {"seconds": 2.9}, path="/a"),
    )
    assert [(hit.seconds, hit.scroll) for hit in found.hits] == [(9, 70), (2, None)]
    assert found.engaged_seconds == 11


def test_an_engagement_without_its_page_view_is_left_out():
    found = facts(event(0, path="/a"), custom(1, ENGAGED | {"seconds": 5}, path="/b"))
    assert (found.engaged_seconds, found.hits[0].seconds) == (0, None)


@pytest.mark.parametrize(
    ("value", "seconds", "scroll"),
    [
        (-1, None, None),
        (0, 0, 0),
        (1e300, 86_400, 100),
        ("5", None, None),
        (None, None, None),
        ([5], None, None),
        (True, None, None),
        (99.9, 99, 99),
    ],
)
def test_nonsense_engages_nobody(value, seconds, scroll):
    found = facts(event(), custom(1, ENGAGED | {"seconds": value, "scroll": value}))
    assert (found.hits[0].seconds, found.hits[0].scroll) == (seconds, scroll)


@pytest.mark.parametrize("properties", ["[]", "5", '"x"', "null", "{", '{"name": "\\ud800"}'])
def test_properties_that_are_no_object_name_nothing(properties):
    [hit] = facts(event(0, "custom")._replace(properties=properties)).hits
    assert (hit.type, hit.name) == ("c", None)


def test_of_a_repeated_name_the_last_counts():
    [hit] = facts(event(0, "custom")._replace(properties='{"name": "$a", "name": "b"}')).hits
    assert hit.name == "b"


def test_own_hosts_send_nobody():
    rules = SiteRules(PageRules(), frozenset({"example.com", "shop.example"}))
    for referrer in ("https://www.example.com/x", "https://shop.example/"):
        found = facts(event(referrer=referrer), rules=rules)
        assert (found.source, found.channel, found.referrer) == (None, "Direct", None)


def test_the_first_page_view_says_where_a_session_came_from():
    found = facts(
        event(0, "custom", path="/x?utm_source=late", referrer="https://a.example/"),
        event(1, path="/y", referrer="https://google.com/"),
    )
    assert (found.entry_page, found.source) == ("/y", "Google")


def test_a_session_without_page_views_has_no_entry():
    found = facts(custom(0, {"name": "a"}))
    assert (found.page_views, found.entry_page, found.exit_page) == (0, None, None)
    assert found.hostname == "example.com"


def test_pages_are_those_of_the_website_s_rules():
    rules = SiteRules(PageRules(patterns=("/user/*",)), frozenset())
    assert [hit.page for hit in facts(event(path="/user/7"), rules=rules).hits] == ["/user/*"]


def test_what_events_say_of_the_client_wins():
    found = facts(
        event(0, browser="Firefox", location="at"),
        event(1, device_type="tablet", browser="Other", location="Vienna"),
        contexts=[
            context(1, browser="Firefox", browser_version="140", country="AT", region="Wien"),
            context(
                0, browser="Chrome", browser_version="1", country="DE", city="Bonn", os="Linux"
            ),
            context(2, os="Windows", os_version="11", device="mobile", language="de", is_bot=True),
        ],
    ).client
    assert (found.browser, found.browser_version) == ("Firefox", "140")
    assert (found.country, found.region, found.city) == ("AT", "Wien", None)
    assert (found.os, found.os_version, found.device) == ("Linux", None, "tablet")
    assert (found.language, found.screen, found.is_bot) == ("de", None, True)


@pytest.mark.parametrize("location", ["", "A", "AUT", "1A", "Ö1", "öß", "  "])
def test_a_location_that_is_no_code_is_no_country(location):
    assert facts(event(location=location)).client.country is None


def test_all_of_a_long_session_is_counted():
    found = facts(*[event(number / 1000) for number in range(MAX_HITS + 5)])
    assert (found.page_views, len(found.hits), found.is_truncated) == (MAX_HITS + 5, MAX_HITS, True)


@given(
    events=st.lists(
        st.builds(
            lambda seconds, kind, path, properties, visitor: event(
                seconds, kind, path, properties=properties, visitor_id=visitor
            ),
            st.integers(0, 3),
            st.sampled_from(["pageview", "click", "custom"]),
            st.sampled_from(["/", "/a"]),
            st.sampled_from([None, {"name": "x"}, ENGAGED | {"seconds": 5, "scroll": 9}]),
            st.sampled_from("AB"),
        ),
        max_size=9,
    ),
    seed=st.integers(),
)
def test_the_order_in_which_events_come_is_nothing(events, seed):
    shuffled = random.Random(seed).sample(events, len(events))
    assert facts(*shuffled) == facts(*events)
