"""HTTP as clients write it: requests one after another, chunks, and what cannot be read"""

import json

import pytest

from tests.support.live_client import event
from tests.support.sockets import head, post, raw_clients

pytestmark = pytest.mark.slow

EVENTS = "/api/v1/events"
LIVE = "/health/live"
KILOBYTES_70 = "x" * 70_000
MEGABYTE = 1_048_576


@pytest.fixture
def client(impatient_server):
    with raw_clients(impatient_server.port, 1) as [client]:
        yield client


@pytest.fixture
def sent(impatient_server):
    return event(impatient_server.value_of("Tracking code"))


def chunks(*parts):
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (*parts, b""))


def assert_closed(client):
    assert client.rest() == b""


def test_requests_may_come_all_at_once(client, sent):
    client.send(post(EVENTS, sent) * 3)
    assert len({client.answer().json["id"] for _ in range(3)}) == 3


def test_a_request_may_come_byte_by_byte(client, sent):
    for byte in post(EVENTS, sent):
        client.send(bytes([byte]))
    assert client.answer().status == 201


def test_a_chunked_body_is_followed_by_another_request(client, sent):
    content = json.dumps(sent).encode()
    client.send(head("POST", EVENTS, Transfer_Encoding="chunked"))
    client.send(chunks(content[:10], content[10:]), post(EVENTS, sent))
    assert [client.answer().status for _ in range(2)] == [201, 201]


def test_a_chunked_body_over_the_limit_is_not_read_to_its_end(client):
    client.send(head("POST", EVENTS, Transfer_Encoding="chunked"))
    client.send(chunks(*[b"x" * MEGABYTE] * 5))
    answer = client.answer()
    assert (answer.status, answer.json["error"]) == (413, "PAYLOAD_TOO_LARGE")
    assert_closed(client)


@pytest.mark.parametrize("body", [b"", b"x" * (MEGABYTE + 1)])
def test_a_length_over_the_limit_is_answered_whether_the_body_comes_or_not(client, body):
    client.send(head("POST", EVENTS, Content_Length=str(MEGABYTE + 1)), body)
    answer = client.answer()
    assert (answer.status, answer.json["error"]) == (413, "PAYLOAD_TOO_LARGE")


def test_a_client_that_waits_is_told_to_go_on(client, sent):
    whole = post(EVENTS, sent, Expect="100-continue")
    start = whole.index(b"\r\n\r\n") + 4
    client.send(whole[:start])
    assert client.answer().status == 100
    client.send(whole[start:])
    assert client.answer().status == 201


def test_a_client_that_waits_is_not_told_to_send_what_is_refused(client):
    length = str(MEGABYTE + 1)
    client.send(head("POST", EVENTS, Content_Length=length, Expect="100-continue"))
    assert client.answer().status == 413


def test_a_client_that_does_not_wait_is_not_told_to_go_on(client, sent):
    client.send(post(EVENTS, sent, Expect="100-continue") * 2)
    assert [client.answer().status for _ in range(2)] == [201, 201]


def test_head_has_no_body(client):
    client.send(head("HEAD", LIVE) * 2)
    answers = [client.answer(to_head=True) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    assert int(answers[0].headers["content-length"]) > 0


@pytest.mark.parametrize(
    ("request_line", "connection", "status"),
    [
        ("GET /health/live HTTP/1.1", "close", 200),
        ("GET /health/live HTTP/1.0", "", 200),
        ("GET http://127.0.0.1/health/live HTTP/1.1", "close", 200),
        ("OPTIONS * HTTP/1.1", "close", 404),
        ("CONNECT evil.example:443 HTTP/1.1", "close", 404),
        ("get /health/live HTTP/1.1", "close", 200),
        ("BREW /health/live HTTP/1.1", "close", 405),
    ],
)
def test_other_forms_of_a_request(client, request_line, connection, status):
    client.send(f"{request_line}\r\nHost: 127.0.0.1\r\nConnection: {connection}\r\n\r\n".encode())
    answer = client.answer()
    assert answer.status == status
    assert answer.headers["content-type"] == "application/json"
    assert_closed(client)


@pytest.mark.parametrize(
    ("status", "request_bytes"),
    [
        (400, b"nonsense\r\n\r\n"),
        (400, b"GET /health/live HTTP/2.0\r\nHost: 127.0.0.1\r\n\r\n"),
        (400, b"GET /health/live HTTP/1.1\nHost: 127.0.0.1\n\n"),
        (400, b"GET /health/live HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n"),
        (400, b"GET /health/live HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        (400, b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nA: b\r\n c\r\n\r\n"),
        (400, head("GET", LIVE, A=b"a\0b")),
        (400, head("POST", EVENTS, Content_Length="x")),
        (400, head("POST", EVENTS, Content_Length="-1")),
        (400, b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
        (400, head("POST", EVENTS, Transfer_Encoding="chunked", Content_Length="5")),
        (400, head("POST", EVENTS, Transfer_Encoding="gzip")),
        (400, head("POST", EVENTS, Transfer_Encoding="xchunked")),
        (400, head("POST", EVENTS, Transfer_Encoding="chunked, chunked")),
        (414, head("GET", f"/{KILOBYTES_70}")),
        (431, head("GET", LIVE, A=KILOBYTES_70)),
        (431, head("GET", LIVE, **{f"A{n}": "b" * 1000 for n in range(70)})),
    ],
)
def test_a_head_that_cannot_be_read_gets_a_bare_status(client, status, request_bytes):
    client.send(request_bytes)
    answer = client.answer()
    assert (answer.status, answer.body) == (status, b"")
    assert answer.headers == {"connection": "close", "content-length": "0"}
    assert_closed(client)


@pytest.mark.parametrize("target", [LIVE, f"/{'x' * 60_000}"])
def test_a_head_of_nearly_64_kilobytes_is_read(client, target):
    fields = {f"A{n}": "b" * 600 for n in range(100)} if target == LIVE else {}
    client.send(head("GET", target, **fields))
    assert client.answer().status == (200 if target == LIVE else 404)


@pytest.mark.parametrize("body", [b"zz\r\n", b"5\r\nabcdefg\r\n", b"-1\r\n", b"1;\x01\r\na\r\n"])
def test_chunks_that_cannot_be_read_are_no_json(client, body):
    client.send(head("POST", EVENTS, Transfer_Encoding="chunked"), body)
    answer = client.answer()
    assert answer.status == 400
    assert answer.json["details"]["formErrors"] == ["Invalid JSON"]
    assert_closed(client)


def test_a_body_that_ends_early_is_not_taken_for_whole(client, sent):
    content = json.dumps(sent).encode()
    client.send(head("POST", EVENTS, Content_Length=str(len(content) + 1)), content)
    client.socket.shutdown(1)
    answer = client.answer()
    assert answer.status == 400
    assert answer.json["details"]["formErrors"] == ["Invalid JSON"]


def test_nothing_of_a_refused_body_is_taken_for_a_request(client):
    smuggled = head("GET", "/metrics")
    client.send(head("POST", EVENTS, Content_Length=str(2 * MEGABYTE)), smuggled * 100)
    assert client.answer().status == 413
    assert_closed(client)


def test_nothing_of_it_is_logged(impatient_server):
    _, _, log = impatient_server.printed.partition("Ready. Ctrl-C stops it.\n")
    assert log == ""
