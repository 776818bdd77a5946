"""POST /api/v1/activity/events: what is accepted, and the rows that it becomes."""

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
FULL = {
    "type": "Button_Click",
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


def server_keys():
    """Return what the server puts into the metadata of the test client's requests."""
    return {"user_agent": "", "remote_addr": address_hash.hash_address("127.0.0.1")}


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
    assert row.metadata == FULL["metadata"] | server_keys() | {"user_agent": AGENT}
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
    assert row.metadata == server_keys()


def test_null_is_the_same_as_absent(api):
    nulls = dict.fromkeys(["sessionId", "projectId", "page", "metadata"])
    assert_accepted(api.post(PATH, {"type": "x"} | nulls))
    row = only_row()
    assert (row.session_id, row.project_id, row.path) == (None, None, PATH)
    assert row.metadata == server_keys()


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("  Frontend_Click\n", "frontend_click"),
        ("frontend_frontend_x", "frontend_frontend_x"),
        ("FRONTEND_FRONTEND_", "frontend_frontend_"),
        ("A.b-C_9", "frontend_a.b-c_9"),
        ("x" * 64, f"frontend_{'x' * 64}"),
        (f"frontend_{'x' * 64}", f"frontend_{'x' * 64}"),
        ("\u00a0x\u2003", "frontend_x"),
    ],
)
def test_types_are_tidied_up(api, sent, stored):
    assert_accepted(api.post(PATH, {"type": sent}))
    assert only_row().event_type == stored


@pytest.mark.parametrize(
    ("field", "column", "limit"),
    [("sessionId", "session_id", 128), ("projectId", "project_id", 128), ("page", "path", 512)],
)
def test_texts_at_the_limit_are_stored_without_surrounding_whitespace(api, field, column, limit):
    text = "é" * (limit // 2 - 1)
    assert_accepted(api.post(PATH, {"type": "x", field: f" {text}\n"}))
    assert getattr(only_row(), column) == text


@pytest.mark.parametrize("blank", ["", "  \n\t"])
def test_blank_texts_are_none(api, blank):
    fields = dict.fromkeys(["sessionId", "projectId", "page"], blank)
    assert_accepted(api.post(PATH, {"type": "x"} | fields))
    row = only_row()
    assert (row.session_id, row.project_id, row.path) == (None, None, PATH)


def metadata_that_becomes(size):
    """Return metadata that has so many bytes once the server's keys are in it."""
    empty = {"é": ""} | server_keys()
    room = size - len(json.dumps(empty, ensure_ascii=False, separators=(",", ":")).encode())
    return {"é": "é" * (room // 2) + "x" * (room % 2)}


def test_metadata_at_the_limit_is_stored_and_one_byte_more_is_rejected(api):
    metadata = metadata_that_becomes(16_384)
    assert_accepted(api.post(PATH, {"type": "x", "metadata": metadata}))
    assert only_row().metadata == metadata | server_keys()
    response = api.post(PATH, {"type": "x", "metadata": metadata_that_becomes(16_385)})
    error = {"code": BAD_METADATA[0], "message": BAD_METADATA[1], "details": BAD_METADATA[2]}
    assert_response(response, 400, {"error": error}, REJECTED)
    assert len(frontend_rows()) == 1


def test_the_servers_keys_win(api):
    forged = {"remote_addr": "mine", "user_agent": {"not": "a text"}, "other": 1}
    assert_accepted(api.post(PATH, {"type": "x", "metadata": forged}))
    assert only_row().metadata == {"other": 1} | server_keys()


def test_the_user_agent_is_cut(api):
    agent = "a\xe9\xff" * 2_700
    assert_accepted(api.post(PATH, {"type": "x"}, headers={"User-Agent": agent}))
    assert only_row().metadata["user_agent"] == agent[:512]


def test_the_address_of_the_client_is_stored_nowhere(api):
    assert_accepted(api.post(PATH, FULL, REMOTE_ADDR="203.0.113.77"))
    rows = [*frontend_rows(), *request_rows()]
    assert {row.metadata["remote_addr"] for row in rows} == {
        address_hash.hash_address("203.0.113.77")
    }
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
    assert only_row().metadata == metadata | server_keys()


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
