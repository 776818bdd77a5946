"""Lone surrogates, as clients send them that cut texts within an emoji"""

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activity.models import ActivityEvent
from analytics.collect.models import CollectedEvent
from analytics.events.models import Event
from analytics.funnel.models import FunnelEvent
from analytics.platform.models import PlatformEvent
from analytics.sessions.models import Session
from config.api import request_body
from tests.support.collect import log_in
from tests.support.sessions import session_of
from websites.models import Website

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

TEXT = rb'"cut \ud83d"'
DATA = rb'{"k\uD800": [1.5, "\uDFFFx", {"deep": "\ude00\ud83d", "": "\ud83d\ude00"}], "\udc00": 2}'
STORED_TEXT = "cut \ufffd"
STORED_DATA = {"k\ufffd": [1.5, "\ufffdx", {"deep": "\ufffd\ufffd", "": "😀"}], "\ufffd": 2}
EVENT = {"eventType": "custom", "url": "https://example.com/", "visitorId": "vis-1"}
EVENT |= {"sessionId": "TEXT", "properties": "DATA"}
FUNNEL_EVENT = {"event": "TEXT", "properties": "DATA"}
ACTIVITY = {"type": "click", "page": "TEXT", "metadata": "DATA"}
PRODUCT_EVENT = {"event_name": "TEXT", "properties": "DATA"}
COLLECTED = {"event_type": "click", "event_data": "DATA"}


@pytest.fixture
def send(api, token, website):
    """Post a body, with TEXT and DATA in their places, as a caller who may post anything."""
    log_in(api)

    def post(path, body):
        sent = json.dumps(body).replace('"CODE"', json.dumps(website.tracking_code)).encode()
        sent = sent.replace(b'"TEXT"', TEXT).replace(b'"DATA"', DATA)
        return api.post_bytes(path, sent, token=None if path.endswith("/collect") else token)

    return post


@pytest.mark.parametrize(
    ("path", "body", "model", "text", "data"),
    [
        ("analytics/track", FUNNEL_EVENT, FunnelEvent, "event_type", "event_data"),
        ("events", EVENT | {"trackingCode": "CODE"}, Event, "session_id", "properties"),
        (
            *("events/batch", {"events": [EVENT | {"trackingCode": "CODE"}]}),
            *(Event, "session_id", "properties"),
        ),
        ("activity/events", ACTIVITY, ActivityEvent, "path", "metadata"),
        ("analytics", PRODUCT_EVENT, PlatformEvent, "event_name", "properties"),
        (
            *("analytics/batch", {"events": [PRODUCT_EVENT]}),
            *(PlatformEvent, "event_name", "properties"),
        ),
        ("analytics/session", session_of(utmTerm="TEXT"), Session, "utm_term", None),
        ("websites", {"name": "TEXT", "domain": "new.example"}, Website, "name", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_is_stored_as_a_replacement_character(send, path, body, model, text, data):
    response = send(f"/api/v1/{path}", body)
    assert response.status_code in (200, 201, 202), response.content
    [row] = model.objects.filter(**{text: STORED_TEXT})
    if data:
        assert STORED_DATA.items() <= getattr(row, data).items()


@pytest.mark.parametrize("body", [COLLECTED, {"events": [COLLECTED]}])
def test_each_is_stored_as_a_replacement_character_by_collect(send, body):
    assert send("/api/analytics/collect", body).json()["success"]
    assert CollectedEvent.objects.get().event_data == STORED_DATA


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"\ud800"', "\ufffd"),
        (r'"\udc00\ud800"', "\ufffd\ufffd"),
        (r'"\uD83D\ude00\uD83d"', "😀\ufffd"),
        (r'"\ud83d\ud83d\ude00\ude00"', "\ufffd😀\ufffd"),
        (r'"\ud83dx\ude00"', "\ufffdx\ufffd"),
        (r'["\ud83d", "\ude00"]', ["\ufffd", "\ufffd"]),
        (r'"\\ud83d\ude00"', "\\ud83d\ufffd"),
        (r'"\\\ud83d\\ude00"', "\\\ufffd\\ude00"),
        (r'"\\\\ud800 \ud800"', "\\\\ud800 \ufffd"),
        (r'"\ud83d\n\ude00"', "\ufffd\n\ufffd"),
        (r'"\ud83d\u0041"', "\ufffdA"),
        (r'{"\ud800": 1, "\udfff": 2}', {"\ufffd": 2}),
        (r'["\ud800", 1e2, 0.1, -0]', ["\ufffd", 100.0, 0.1, 0]),
        (f'["\\ud800", {2**70}, {"9" * 400}]', ["\ufffd", 2**70, int("9" * 400)]),
        (r'["\ud800", "\ufffd", "\\u0000", "é😀"]', ["\ufffd", "\ufffd", "\\u0000", "é😀"]),
    ],
)
def test_no_other_value_changes(text, value):
    read = request_body.parse(text.encode())
    assert (read, repr(read)) == (value, repr(value))


@given(st.text(st.sampled_from(["\ud83d", "\ude00", "\\", '"', "u", "d", "8", "0", "é", "😀"])))
def test_a_text_is_stored_as_it_is_but_for_lone_surrogates(text):
    body = json.dumps([text, {text: text}])
    expected = re.sub("[\ud800-\udfff]", "\ufffd", json.loads(body)[0])
    assert request_body.parse(body.encode()) == [expected, {expected: expected}]


@pytest.mark.parametrize("escape", [rb"\ud800", rb"\ud83d\ude00", rb"\n", rb"\\", rb"\ud8"])
def test_a_body_full_of_escapes_costs_little(api, escape):
    body = b'{"visitorId": "%s\\ud800"}' % (escape * (1_000_000 // len(escape)))
    started = time.process_time()
    api.post_bytes("/api/v1/analytics/session", body)
    assert time.process_time() - started < 0.5
