"""Bytes beyond ASCII in headers, and underscores in their names"""

import re

import pytest

from tests.support.sockets import head, post, raw_clients

pytestmark = pytest.mark.slow

ACCOUNT = {"email": "admin@example.com", "password": "correct horse"}
ENCODINGS = ["utf-8", "latin-1"]


@pytest.fixture
def client(impatient_server):
    with raw_clients(impatient_server.port, 1) as [client]:
        yield client


@pytest.fixture
def session_id(client):
    client.send(post("/api/v1/auth/session", ACCOUNT))
    [found] = re.findall(r"sessionid=(\w+)", client.answer().headers["set-cookie"])
    return found


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_cookie_beside_the_session_does_not_log_anybody_out(client, session_id, encoding):
    cookie = f"city=Zürich; sessionid={session_id}; plan=größer".encode(encoding)
    client.send(
        post("/api/analytics/collect", {"event_type": "click", "event_data": {}}, Cookie=cookie)
    )
    answer = client.answer()
    assert (answer.status, answer.headers["x-event-outcome"]) == (200, "stored")
    client.send(head("GET", "/admin/", Cookie=cookie))
    assert client.answer().status == 200


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_user_agent_is_read(client, encoding):
    agent = "Googlebot/2.1 (Zürich)".encode(encoding)
    client.send(post("/api/v1/analytics/session", {"visitorId": "v"}, User_Agent=agent))
    assert client.answer().headers["x-event-outcome"] == "dropped; reason=bot"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_token_that_is_none_is_refused(client, encoding):
    bearer = "Bearer ü".encode(encoding)
    client.send(post("/api/v1/activity/events", {"type": "click"}, Authorization=bearer))
    assert client.answer().json["error"]["message"] == "Invalid bearer token"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_content_type_is_read(client, encoding):
    kind = "multipart/form-data; boundary=ü".encode(encoding)
    client.send(post("/api/v1/events", {}, Content_Type=kind))
    assert client.answer().status == 415


def test_an_underscore_does_not_pass_for_a_hyphen(client):
    def metrics_with(name):
        client.send(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n%b: 9.9.9.9\r\n\r\n" % name)
        return client.answer().status

    assert metrics_with(b"X-Forwarded-For") == 403  # loopback, but by a proxy
    assert metrics_with(b"X_Forwarded_For") == 200
    assert metrics_with(b"SCRIPT_NAME") == 200
