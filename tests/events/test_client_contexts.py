"""What the request of a browser tells, stored once per session"""

import json

import pytest
from django.db import OperationalError, connections

from analytics.events import client_contexts
from analytics.events.models import ClientContext
from config.db import uuid7
from tests.support.client_contexts import BROWSER, CHROME, KNOWN, ORIGIN, UNKNOWN, stored_contexts
from tests.support.events import (
    AT,
    AT_MS,
    BATCH_PATH,
    ID,
    PATH,
    event_body,
    event_of,
    full_event_of,
    new_id,
    stored_rows,
)
from tests.support.geoip import city_record, write_places
from tests.support.responses import assert_response, run_concurrently
from tests.support.runtime_settings import change_settings
from tests.support.writer import rejecting_rows

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
SCREEN = {"screen": "1920x1080"}


@pytest.fixture
def post(api, website):
    """Post an event as a browser does."""

    def send(headers=BROWSER, **changes):
        return api.post(PATH, event_of(website, **changes), headers=headers)

    return send


def away(*args):
    raise OperationalError("the analytics database is away")


def context(session_id="sess-1", **values):
    return {"session_id": session_id} | KNOWN | values


# What is stored


def test_the_request_of_a_browser_tells_what_it_is(api, website):
    sent = full_event_of(website, id=ID, properties=SCREEN)
    response = api.post(PATH, sent, headers=BROWSER)
    assert_response(
        response,
        201,
        event_body(sent, website, id=ID),
        {"X-Event-Outcome": "stored", "Access-Control-Allow-Origin": "*"},
    )
    assert stored_contexts() == [context(screen="1920x1080")]
    [row] = ClientContext.objects.all()
    assert (row.website_id, row.created_at, uuid7.time_of(row.id)) == (website.id, AT, AT)
    assert (row.id.version, row.id != ID) == (7, True)


def test_a_place_is_stored_and_no_address(post, settings, tmp_path):
    record = city_record("Germany", "Munich", code="DE", region="Bavaria")
    settings.GEOIP_DATABASE = write_places(tmp_path / "places.mmdb", {"127.0.0.0/8": record})
    post()
    assert stored_contexts() == [context(country="DE", region="Bavaria", city="Munich")]
    assert "127.0.0.1" not in str(ClientContext.objects.values())


def test_what_the_event_says_is_not_stored_again(post):
    post(deviceType="tablet", browser="Brave", os="Haiku", location="US")
    assert stored_contexts() == [context()]
    assert [row["browser"] for row in stored_rows()] == ["Brave"]


@pytest.mark.parametrize("headers", [{}, {"User-Agent": CHROME}, {"Referer": "https://a.example"}])
def test_what_no_browser_sent_tells_nothing(post, headers):
    post(headers)
    assert stored_contexts() == []
    assert len(stored_rows()) == 1


@pytest.mark.parametrize("origin", ["null", "https://example.com", "capacitor://localhost"])
def test_every_page_is_a_browsers(post, origin):
    post({"Origin": origin})
    assert stored_contexts() == [{"session_id": "sess-1"} | UNKNOWN]


@pytest.mark.parametrize(
    ("user_agent", "is_bot"), [(GOOGLEBOT, True), (CHROME, False), ("", False)]
)
def test_a_crawler_is_marked_and_its_events_are_kept(post, user_agent, is_bot):
    post(ORIGIN | {"User-Agent": user_agent})
    assert [row["is_bot"] for row in stored_contexts()] == [is_bot]
    assert len(stored_rows()) == 1


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de-AT,de;q=0.9", "de-AT"),
        ("EN-us", "en-US"),
        (" fr ; q=0.8, en", "fr"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("es-419,es;q=0.9", "es-419"),
        ("sr-Latn-RS-ekavsk", "sr-Latn-RS-ekavsk"),
        ("*", None),
        ("", None),
        ("x" * 9, None),
        ("de_AT", None),
        ("<script>", None),
        ("é", None),
        ("a-" * 5000, None),
    ],
)
def test_the_first_language_is_stored(post, header, language):
    post(ORIGIN | {"Accept-Language": header})
    assert [row["language"] for row in stored_contexts()] == [language]


@pytest.mark.parametrize(
    ("properties", "screen"),
    [
        (SCREEN, "1920x1080"),
        ({"a": {"screen": "1x1"}, "screen": "390x844", "z": 10**400}, "390x844"),
        ({"a": {"screen": "1x1"}}, None),
        ({"screen": "1920X1080"}, None),
        ({"screen": "1920x1080 "}, None),
        ({"screen": "0x0"}, None),
        ({"screen": "123456x1"}, None),
        ({"screen": "1x1\n"}, None),
        ({"screen": [1920, 1080]}, None),
        ({"screen": None}, None),
        ({"screen": "😀" * 1000}, None),
        ({"screens": "screen"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_screen_is_that_of_the_first_page_view(post, properties, screen):
    post(properties=properties)
    assert [row["screen"] for row in stored_contexts()] == [screen]
    assert [row["properties"] for row in stored_rows()] == [properties]


def test_of_a_repeated_screen_the_last_one_counts(api, website):
    properties = '{"screen":"1x1","screen":"390x844"}'
    body = json.dumps(event_of(website, properties=0)).replace("0}", f"{properties}}}")
    api.post_bytes(PATH, body, headers=ORIGIN)
    assert [row["screen"] for row in stored_contexts()] == ["390x844"]


def test_other_events_tell_no_screen(post):
    post(eventType="click", properties=SCREEN)
    assert [row["screen"] for row in stored_contexts()] == [None]


# Once per session


def test_a_session_has_one_context(post):
    for changes in ({}, {"eventType": "click"}, {"properties": SCREEN}, {"visitorId": "vis-2"}):
        post(**changes)
    assert stored_contexts() == [context()]
    assert len(stored_rows()) == 4


def test_a_first_page_view_that_comes_later_brings_one_more(post):
    post(eventType="custom", timestamp=AT_MS)
    post(eventType="click", timestamp=AT_MS + 1)
    post(properties=SCREEN, timestamp=AT_MS + 2)
    post(properties={"screen": "1x1"}, timestamp=AT_MS + 3)
    assert stored_contexts() == [context(), context(screen="1920x1080")]


def test_sessions_are_those_of_a_website(api, post, other_website):
    post()
    post(sessionId="sess-2")
    api.post(PATH, event_of(other_website), headers=BROWSER)
    rows = ClientContext.objects.values_list("website_id", "session_id")
    assert len(set(rows)) == len(rows) == 3


def test_each_process_stores_one_and_the_earliest_is_first(post):
    post(timestamp=AT_MS + 1000, properties=SCREEN)
    client_contexts.reset()  # as in another process
    post(timestamp=AT_MS)
    assert stored_contexts() == [context(), context(screen="1920x1080")]


def test_a_batch_brings_one_for_each_of_its_sessions(api, website, other_website):
    events = [
        event_of(website, eventType="click", timestamp=AT_MS),
        event_of(website, properties=SCREEN, timestamp=AT_MS + 1),
        event_of(website, sessionId="sess-2", timestamp=AT_MS + 2),
        event_of(website, sessionId="sess-2", timestamp=AT_MS + 3),
        event_of(website, url="x"),
        event_of(other_website, timestamp=AT_MS + 4),
        event_of(website, trackingCode="pm-nobody", sessionId="sess-9"),
    ]
    response = api.post(BATCH_PATH, {"events": events}, headers=BROWSER)
    assert (response.status_code, response.json()["eventsCreated"]) == (207, 5)
    screen = {"screen": "1920x1080"}
    assert stored_contexts() == [context(), context(**screen), context("sess-2"), context()]
    api.post(BATCH_PATH, {"events": events}, headers=BROWSER)
    assert len(stored_contexts()) == 4


@pytest.mark.parametrize("rows", [1, 48, 60])
def test_groups_of_any_size_store_each_text_as_it_came(api, website, rows):
    properties = '{"b" : 1.0, "a":"\\u00e9\\\\ \\t", "z":123456789012345678901234567890.10}'
    body = json.dumps(
        {
            "events": [
                event_of(website, url="https://example.com/\\%s", os="%s\t\n'é", properties=0)
            ]
            * rows
        }
    )
    api.post_bytes(
        BATCH_PATH, body.replace('"properties": 0', f'"properties": {properties}'), headers=BROWSER
    )
    assert [row["os"] for row in stored_rows()] == ["%s\t\n'é"] * rows
    assert {row["url"] for row in stored_rows()} == {"https://example.com/\\%s"}
    with connections["analytics"].cursor() as cursor:
        cursor.execute("SELECT DISTINCT properties::text FROM analytics_event")
        [[text]] = cursor.fetchall()
    assert text == properties
    assert stored_contexts() == [context()]


def test_only_a_bounded_number_of_sessions_is_remembered(post, monkeypatch):
    monkeypatch.setattr(client_contexts, "MAX_REMEMBERED", 2)
    for session in ("a", "b", "c", "a", "d", "e", "a"):  # the last time a has been forgotten
        post(sessionId=session)
    assert sorted(row["session_id"] for row in stored_contexts()) == ["a", "a", "b", "c", "d", "e"]


@pytest.mark.django_db(databases=["default", "analytics"], transaction=True)
def test_two_first_events_at_once_are_both_stored(post):
    responses = run_concurrently(post, post)
    assert [response.status_code for response in responses] == [201, 201]
    assert 1 <= len(stored_contexts()) <= 2


# Together with the event


@pytest.mark.django_db(databases=["default", "analytics"], transaction=True)
def test_a_context_is_committed_with_the_event(post):
    post()
    with connections["analytics"].cursor() as cursor:
        cursor.execute(
            "SELECT event.xmin = context.xmin "
            "FROM analytics_event event, analytics_clientcontext context"
        )
        assert cursor.fetchall() == [(True,)]


@pytest.mark.django_db(databases=["default", "analytics"], transaction=True)
def test_a_repeated_event_does_not_lose_the_context(post):
    post({}, id=ID)
    response = post(id=ID)
    assert (response.status_code, response["X-Event-Outcome"]) == (200, "duplicate")
    assert stored_contexts() == [context()]


@pytest.mark.django_db(databases=["default", "analytics"], transaction=True)
def test_an_event_that_is_refused_does_not_matter_to_others(api, website):
    bad, good = event_of(website, os="bad"), event_of(website, sessionId="sess-2", id=new_id())
    with rejecting_rows("os <> 'bad'"):
        response = api.post(BATCH_PATH, {"events": [bad, good]}, headers=BROWSER)
    assert [event["id"] for event in response.json()["events"]] == [good["id"]]
    assert {row["session_id"] for row in stored_contexts()} >= {"sess-2"}


@pytest.mark.django_db(databases=["default", "analytics"], transaction=True)
def test_a_context_that_is_refused_does_not_matter_to_its_event(post):
    with rejecting_rows("browser <> 'Chrome'", table="analytics_clientcontext"):
        assert post()["X-Event-Outcome"] == "stored"
    assert (len(stored_rows()), stored_contexts()) == (1, [])


def test_what_failed_is_not_remembered(post, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("analytics.ingest.commit.store_group", away)
        assert post().status_code == 503
    post()
    assert stored_contexts() == [context()]


def test_what_is_dropped_leaves_no_context(post, website):
    change_settings(events_enabled="false")
    post()
    change_settings(events_enabled="true")
    website.change(allowed_hosts=["other.example"])
    post()
    assert (stored_contexts(), stored_rows()) == ([], [])
