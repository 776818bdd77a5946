"""Clients that send or read slowly: they hold nobody"""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import pytest

from tests.support.live_client import event, send_request
from tests.support.sockets import head, post, raw_clients

pytestmark = pytest.mark.slow

MANY = 300
PROMPT_SECONDS = 0.1  # for /health/live
REQUEST_SECONDS = 1  # of the server of these tests
LEAST_SECONDS = 0.9  # its timers may be a little early
TIMED_OUT = {"error": "REQUEST_TIMEOUT", "message": "Request timed out"}
HALF_A_BODY = head("POST", "/api/v1/events", Content_Length="100") + b"{"


@pytest.fixture
def server(impatient_server):
    return impatient_server


def assert_others_are_served(server, seconds=PROMPT_SECONDS):
    live = min(send_request(server.port, "GET", "/health/live").seconds for _ in range(10))
    assert live < seconds
    sent = event(server.value_of("Tracking code"))
    assert send_request(server.port, "POST", "/api/v1/events", sent).outcome == "stored"


def seconds_until_closed(client):
    assert client.rest() == b""
    return time.monotonic() - client.opened_at


def test_half_sent_bodies_hold_nobody_and_each_gets_a_408(server):
    with raw_clients(server.port, MANY) as clients:
        for client in clients:
            client.send(HALF_A_BODY)
        assert_others_are_served(server)
        for client in clients:
            answer = client.answer()
            assert (answer.status, answer.json) == (408, TIMED_OUT)
            assert answer.headers["connection"] == "close"
            assert answer.headers["x-event-outcome"] == "rejected"
            assert seconds_until_closed(client) >= LEAST_SECONDS


def test_a_body_of_one_byte_at_a_time_gets_a_408_too(server):
    with raw_clients(server.port, 32) as clients:
        for client in clients:
            client.send(head("POST", "/api/v1/events", Content_Length="1000000"))
        live = []
        while not all(client.has_answer for client in clients):
            for client in clients:
                if not client.has_answer:
                    client.send(b" ")
            live.append(send_request(server.port, "GET", "/health/live").seconds)
        assert median(live) < PROMPT_SECONDS
        assert {client.answer().status for client in clients} == {408}


@pytest.mark.parametrize("sent", [b"", b"P", b"POST /api/v1/events HTTP/1.1\r\nHost: 127"])
def test_an_unfinished_head_is_closed_without_an_answer(server, sent):
    with raw_clients(server.port, MANY) as clients:
        for client in clients:
            client.send(sent)
        assert_others_are_served(server)
        assert all(seconds_until_closed(client) >= LEAST_SECONDS for client in clients)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            "/api/v1/analytics/session",
            {
                "success": False,
                "error": {
                    "code": "REQUEST_TIMEOUT",
                    "message": "Request timed out",
                    "i18nKey": "common.request_timeout",
                    "i18nVars": {},
                    "details": [],
                },
            },
        ),
        (
            "/api/v1/activity/events",
            {"error": {"code": "REQUEST_TIMEOUT", "message": "Request timed out"}},
        ),
        ("/api/v1/auth/login", TIMED_OUT),
    ],
)
def test_the_408_is_in_the_dialect_of_the_path(server, path, body):
    with raw_clients(server.port, 1) as [client]:
        client.send(head("POST", path, Content_Length="100"), b"{")
        answer = client.answer()
    assert answer.status == 408
    if "success" in body:
        body["error"]["correlationId"] = answer.headers["x-request-id"]
    assert answer.json == body


def test_a_page_whose_form_does_not_come_in_time_is_a_408(server):
    with raw_clients(server.port, 1) as [client]:
        client.send(
            head(
                "POST",
                "/accounts/login/",
                Content_Length="100",
                Content_Type="application/x-www-form-urlencoded",
                Cookie=f"csrftoken={'a' * 32}",
            ),
            b"username=",
        )
        assert client.answer().status == 408


@pytest.mark.parametrize("chunk", [b"", b"5\r\n{", b"1\r\n{\r\n"])
def test_chunks_that_stop_coming_are_a_408(server, chunk):
    with raw_clients(server.port, 1) as [client]:
        client.send(head("POST", "/api/v1/events", Transfer_Encoding="chunked"), chunk)
        assert client.answer().status == 408
        assert client.rest() == b""


def test_the_time_of_a_request_begins_with_its_first_byte(server):
    """The connection may be older, and requests before it may have taken their time."""
    request = post("/api/v1/events", event(server.value_of("Tracking code")))
    middle = len(request) - 10
    with raw_clients(server.port, 1) as [client]:
        for _ in range(3):
            client.send(request[:middle])
            time.sleep(REQUEST_SECONDS / 2)
            client.send(request[middle:])
            assert client.answer().status == 201


def test_clients_that_do_not_read_their_responses_hold_nobody(server):
    page = head("GET", "/static/unfold/css/styles.css")
    with raw_clients(server.port, 32) as clients:
        for client in clients:
            client.send(page * 20)
        assert_others_are_served(server)


@pytest.mark.parametrize(
    "sent",
    [
        head("GET", "/nothing") * 20_000,
        head("POST", "/api/v1/events", Transfer_Encoding="chunked") + b"1\r\n{\r\n" * 500_000,
    ],
)
def test_clients_that_send_very_much_at_once_hold_nobody(server, sent):
    with raw_clients(server.port, 1) as [client], ThreadPoolExecutor() as pool:
        flood = pool.submit(client.send, sent)
        assert_others_are_served(server, seconds=1)  # the flood takes much longer
        client.socket.shutdown(socket.SHUT_RDWR)
        flood.exception()


def test_what_was_sent_in_time_is_read_although_it_is_not_needed(server):
    """Such as the body of a request to an unknown path; the connection stays."""
    request = post("/api/v1/nothing", {"a": "x" * 50_000})
    with raw_clients(server.port, 1) as [client]:
        for _ in range(2):
            client.send(request)
            assert client.answer().status == 404


def test_a_body_that_nobody_needs_and_that_never_comes_ends_the_connection(server):
    with raw_clients(server.port, 1) as [client]:
        client.send(head("POST", "/api/v1/nothing", Content_Length="100"))
        assert client.answer().status == 404
        assert client.rest() == b""
