"""POST /api/v1/activity/events: what is stored"""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from config.api import address_hash
from config.db import uuid7
from tests.support.activity import (
    BAD_METADATA,
    PATH,
    REJECTED,
    assert_accepted,
    frontend_rows,
    request_rows,
)
from tests.support.responses import assert_response

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

AT = datetime(2026, 1, 28, 20, 0, 0, 123_000, tzinfo=UTC)
AGENT = "Mozilla/5.0"
LONG_AGENT = {"User-Agent": "x" * 8_000}
FULL = {
    "type": "button_click",
    "sessionId": "1f9f2b8d-1f0b-4c3c-9e2c-3dbd8f8b2d77",
    "projectId": "4ec4aa78-4ce0-4a77-aad1-5f74b66b1f5b",
    "page": "/wizard/step/2",
    "metadata": {"target": "next", "component": "WizardFooter"},
}


@pytest.fixture
def still(clock):
    """Hold the clock at AT."""
    clock.set(AT)


def only_row():
    """Return the one row of a front end."""
    [row] = frontend_rows()
    return row


def facts(user_agent=""):
    """Return what the server puts into the metadata of the test client's requests."""
    address = address_hash.hash_address("127.0.0.1")
    return {"_request": {"user_agent": user_agent, "remote_addr": address}}


def test_an_event_and_its_request_are_two_rows(still, api, user, token):
    assert_accepted(api.post(PATH, FULL, token=token, headers={"User-Agent": AGENT}))
    row = only_row()
    assert uuid7.time_of(row.id) == row.created_at == AT
    assert (row.event_type, row.method, row.path) == (
        "frontend_button_click",
        "FRONTEND",
        "/wizard/step/2",
    )
    assert (row.user_id, row.session_id, row.project_id) == (
        str(user.id),
        FULL["sessionId"],
        FULL["projectId"],
    )
    assert (row.status_code, row.duration_ms) == (202, 0)
    assert row.metadata == FULL["metadata"] | facts(AGENT)
    [request_row] = request_rows()
    assert (request_row.event_type, request_row.method, request_row.path) == (
        "api_request",
        "POST",
        PATH,
    )
    assert (request_row.user_id, request_row.status_code) == (str(user.id), 202)


def test_an_anonymous_event_needs_nothing_but_a_type(api):
    assert_accepted(api.post(PATH, {"type": "x"}))
    row = only_row()
    assert (row.event_type, row.path) == ("frontend_x", PATH)
    assert (row.user_id, row.session_id, row.project_id) == (None, None, None)
    assert row.metadata == facts()


def test_null_is_the_same_as_absent(api):
    nulls = dict.fromkeys(["sessionId", "projectId", "page", "metadata"])
    assert_accepted(api.post(PATH, {"type": "x"} | nulls))
    row = only_row()
    assert (row.session_id, row.project_id, row.path) == (None, None, PATH)
    assert row.metadata == facts()


@pytest.mark.parametrize(
    "type", ["Button_Click", "frontend_click", "FRONTEND_", "A.b-C_9", "-", "x" * 64, "0"]
)
def test_a_type_is_stored_as_sent_after_a_prefix(api, type):
    assert_accepted(api.post(PATH, {"type": type}))
    assert only_row().event_type == f"frontend_{type}"


@pytest.mark.parametrize(
    ("field", "column", "limit"),
    [("sessionId", "session_id", 128), ("projectId", "project_id", 128), ("page", "path", 512)],
)
@pytest.mark.parametrize("letter", ["x", "é", "😀"])
def test_texts_are_measured_in_characters_and_stored_trimmed(api, field, column, limit, letter):
    for text in (letter * limit, letter * (limit - 2)):
        assert_accepted(api.post(PATH, {"type": "x", field: text.center(limit)}))
        assert getattr(frontend_rows()[-1], column) == text


@pytest.mark.parametrize("blank", ["", "  \n\t"])
def test_blank_texts_are_none(api, blank):
    fields = dict.fromkeys(["sessionId", "projectId", "page"], blank)
    assert_accepted(api.post(PATH, {"type": "x"} | fields))
    row = only_row()
    assert (row.session_id, row.project_id, row.path) == (None, None, PATH)


def metadata_of(size):
    """Return metadata of so many bytes as compact JSON."""
    return {"é": "é" * ((size - 9) // 2) + "x" * ((size - 9) % 2)}


def test_metadata_at_the_limit_is_stored_and_one_byte_more_is_rejected(api):
    metadata = metadata_of(16_384)
    assert len(json.dumps(metadata, ensure_ascii=False, separators=(",", ":")).encode()) == 16_384
    assert_accepted(api.post(PATH, {"type": "x", "metadata": metadata}, headers=LONG_AGENT))
    assert only_row().metadata == metadata | facts("x" * 512)
    response = api.post(PATH, {"type": "x", "metadata": metadata_of(16_385)})
    error = {"code": BAD_METADATA[0], "message": BAD_METADATA[1], "details": BAD_METADATA[2]}
    assert_response(response, 400, {"error": error}, REJECTED)
    assert len(frontend_rows()) == 1


def test_keys_of_the_client_are_stored_as_sent(api):
    metadata = {"remote_addr": "mine", "user_agent": {"not": "a text"}, "request_id": None}
    assert_accepted(api.post(PATH, {"type": "x", "metadata": metadata}))
    assert only_row().metadata == metadata | facts()


@pytest.mark.parametrize("forged", [{"remote_addr": "mine", "more": 1}, "mine", None])
def test_the_servers_key_replaces_that_of_a_client(api, forged):
    assert_accepted(api.post(PATH, {"type": "x", "metadata": {"_request": forged, "other": 1}}))
    assert only_row().metadata == {"other": 1} | facts()


def test_the_user_agent_is_cut(api):
    agent = "a\xe9\xff" * 2_700
    assert_accepted(api.post(PATH, {"type": "x"}, headers={"User-Agent": agent}))
    assert only_row().metadata == facts(agent[:512])


def test_the_address_of_the_client_is_stored_nowhere(api):
    assert_accepted(api.post(PATH, FULL, REMOTE_ADDR="203.0.113.77"))
    rows = [*frontend_rows(), *request_rows()]
    hashed = address_hash.hash_address("203.0.113.77")
    assert [row.metadata["remote_addr"] for row in request_rows()] == [hashed]
    assert only_row().metadata["_request"]["remote_addr"] == hashed
    assert "203.0.113.77" not in repr([vars(row) for row in rows])


@pytest.mark.parametrize(
    "content_type",
    [
        *("text/plain", "application/x-www-form-urlencoded", ""),
        "application/json; charset=latin1",
    ],
)
def test_beacons_bodies_of_curl_and_of_no_type_are_json(api, content_type):
    body = b'\xef\xbb\xbf{"type":"x","page":"\xc3\xa9"}'
    assert_accepted(api.post_bytes(PATH, body, content_type))
    assert only_row().path == "é"


def test_any_json_is_stored(api):
    metadata = {
        "__proto__": {"": [None, True]},
        "n": int("9" * 400),
        "text": "\\u0000 😀 \u2028\uffff",
        "deep": json.loads("[" * 62 + "]" * 62),
    }
    assert_accepted(api.post(PATH, {"type": "a", "metadata": metadata}))
    assert only_row().metadata == metadata | facts()


def test_of_a_repeated_key_the_last_counts_and_unknown_ones_do_not(api, make_user):
    other = make_user("other@example.com")
    body = f'{{"type":"a","user_id":"{other.id}","userId":"{other.id}","type":"b"}}'
    assert_accepted(api.post_bytes(PATH, body.encode()))
    row = only_row()
    assert (row.event_type, row.user_id) == ("frontend_b", None)


def test_events_of_one_moment_are_two_rows(still, api):
    for _ in range(2):
        assert_accepted(api.post(PATH, {"type": "x"}))
    assert len({row.id for row in frontend_rows()}) == 2
    assert all(isinstance(row.id, UUID) for row in frontend_rows())
