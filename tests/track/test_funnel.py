"""POST /api/v1/analytics/track: what is stored"""

import json
import logging
from datetime import UTC, datetime

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from analytics.funnel.models import FunnelEvent
from config.db import uuid7
from tests.support.funnel import FULL_EVENT, PATH, STORED, TRACKED, stored_rows, tracked_total
from tests.support.responses import assert_response
from websites import tokens

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

NOW_MS = 1_800_000_000_123


def test_an_event_is_stored(api, user, token):
    assert_response(api.post(PATH, FULL_EVENT, token=token), 200, TRACKED, STORED)
    assert stored_rows() == [
        (user.id, FULL_EVENT["sessionId"], FULL_EVENT["event"], FULL_EVENT["properties"])
    ]


def test_the_time_is_that_of_the_request(api, user, clock):
    clock.set(uuid7.from_ms(NOW_MS))
    api.post(PATH, FULL_EVENT, token=tokens.issue(user).access)
    event = FunnelEvent.objects.get()
    assert event.created_at == datetime(2027, 1, 15, 8, 0, 0, 123_000, tzinfo=UTC)
    assert (event.id.version, uuid7.time_of(event.id)) == (7, event.created_at)


def test_missing_fields_are_null_or_an_empty_object(tracked):
    assert tracked({"event": "a"}) == [None, "a", {}]


@pytest.mark.parametrize("name", ["sessionId", "deviceType", "locale", "properties"])
def test_null_is_the_same_as_missing(tracked, name):
    row = tracked({"event": "a", name: None})
    assert row == [None, "a", {}]


@pytest.mark.parametrize(
    "text", ["", " ", "x" * 100_000, "😀\u200f\uffff\u2028é", "' OR 1=1 --\\N\t"]
)
def test_texts_are_stored_as_sent(tracked, text):
    assert tracked({"event": text, "sessionId": text, "locale": text}) == [text, text, {}]


@pytest.mark.parametrize(
    "properties",
    [
        {"a": [1, 2.5, -0.125, True, None, "é", {"b": []}]},
        {"__proto__": 1, "constructor": 2, "$where": 3, "": 4},
        {"digits": int("9" * 400)},
        {"text": "\\u0000"},
        {"é": "😀\u200f\uffff\u2028"},
    ],
    ids=["types", "keys", "digits", "backslash", "unicode"],
)
def test_properties_are_stored_as_sent(tracked, properties):
    assert tracked({"event": "a", "properties": properties}) == [None, "a", properties]


@pytest.mark.parametrize(
    ("body", "event"),
    [
        (b'{"event":"a","event":"b"}', "b"),
        (b'\xef\xbb\xbf{"event":"a"}', "a"),
        (rb'{"event":"\ud83d\ude00"}', "😀"),
    ],
)
def test_json_is_read_as_json(tracked, body, event):
    assert tracked(body) == [None, event, {}]


@pytest.mark.parametrize(
    "content_type", ["", "application/json; charset=latin1", "APPLICATION/JSON"]
)
def test_json_by_any_name_is_read(tracked, content_type):
    body = '{"event":"é"}'.encode()
    assert tracked(body, content_type=content_type) == [None, "é", {}]


def test_a_body_of_the_limit_is_read(tracked):
    body = json.dumps({"event": "a", "filling": ""}).encode()
    body = body.replace(b'""', b'"%s"' % (b"x" * (1_048_576 - len(body))))
    assert (len(body), tracked(body)) == (1_048_576, [None, "a", {}])


def test_the_same_event_twice_is_two_events(api, token):
    for _ in range(2):
        assert_response(api.post(PATH, FULL_EVENT, token=token), 200, TRACKED, STORED)
    assert len(stored_rows()) == 2


@pytest.mark.parametrize("name", ["user_id", "userId", "user", "id", "created_at"])
def test_the_user_comes_from_the_token_only(tracked, make_user, name):
    stranger = make_user("stranger@example.com")
    assert tracked({"event": "a", name: str(stranger.id)}) == [None, "a", {}]


def test_events_join_their_users_in_sql(api, user, token):
    api.post(PATH, FULL_EVENT, token=token)
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT email, event_type, session_id, event_data->>'linkId' "
            "FROM analytics_funnelevent JOIN websites_user ON websites_user.id = user_id"
        )
        assert cursor.fetchall() == [
            (user.email, FULL_EVENT["event"], FULL_EVENT["sessionId"], "abc-123")
        ]


def test_the_table_is_in_the_main_database_only():
    tables = {
        alias: {
            name
            for name in connections[alias].introspection.table_names()
            if name.startswith("analytics_funnelevent")
        }
        for alias in ("default", "analytics")
    }
    assert "analytics_funnelevent" in tables["default"]
    assert tables["analytics"] == set()


def test_events_go_with_their_user(api, user, token, make_user):
    other = make_user("other@example.com")
    for whose in (token, tokens.issue(other).access):
        api.post(PATH, FULL_EVENT, token=whose)
    user.delete()
    assert [user_id for user_id, *_ in stored_rows()] == [other.id]


def test_each_stored_event_is_counted_and_logged(api, token, user, caplog):
    before = tracked_total()
    with caplog.at_level(logging.DEBUG, logger="analytics.funnel.ingest"):
        api.post(PATH, FULL_EVENT, token=token)
    assert tracked_total() == before + 1
    assert caplog.messages == [f"[analytics] Event tracked: bio_link_click for user {user.id}"]
    api.post(PATH, {"event": 5}, token=token)
    assert tracked_total() == before + 1


def test_a_long_name_is_cut_in_the_log(api, token, user, caplog):
    with caplog.at_level(logging.DEBUG, logger="analytics.funnel.ingest"):
        api.post(PATH, {"event": "é" * 100_000}, token=token)
    assert caplog.messages == [f"[analytics] Event tracked: {'é' * 1000} for user {user.id}"]


def test_the_counter_is_exported_to_prometheus(api, token):
    api.post(PATH, FULL_EVENT, token=token)
    assert (
        f"\nanalytics_event_tracked_total {tracked_total()}\n"
        in api.get("/metrics").content.decode()
    )


@pytest.mark.usefixtures("unrecorded")
def test_an_event_costs_no_query_but_its_own(api, token, clock):
    api.post(PATH, FULL_EVENT, token=token)
    with (
        CaptureQueriesContext(connections["default"]) as main,
        CaptureQueriesContext(connections["analytics"]) as analytics,
    ):
        api.post(PATH, FULL_EVENT, token=token)
    # Without the transaction of the test there is no more than COPY, which is not counted.
    assert [query["sql"].split()[0] for query in main] == ["SAVEPOINT", "RELEASE"]
    assert len(analytics) == 0
    assert len(stored_rows()) == 2
