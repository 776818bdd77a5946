"""Batches over sockets: a thousand unknown tracking codes, and numbers with many digits"""

import json
import time
from statistics import median

import pytest

from tests.support.sockets import head, raw_clients

pytestmark = pytest.mark.slow

BATCH = "/api/v1/events/batch"
EVENT = {"eventType": "custom", "url": "https://example.com/", "visitorId": "v", "sessionId": "s"}
NUMBERS = b'{"a":0.1234567890123456789,"b":12345678901234567890.5}'


@pytest.fixture
def client(impatient_server):
    with raw_clients(impatient_server.port, 1) as [client]:
        yield client


@pytest.fixture
def code(impatient_server):
    return impatient_server.value_of("Tracking code")


def test_a_thousand_unknown_codes_take_no_longer_than_a_known_one(client, code):
    seconds: dict[int, list[float]] = {201: [], 207: []}
    for turn in range(3):
        unknown = [f"pm-nobody-{turn}-{n}" for n in range(1000)]
        for status, codes in ((201, [code] * 1000), (207, unknown)):
            started = time.monotonic()
            answer = post_batch(client, *(EVENT | {"trackingCode": each} for each in codes))
            seconds[status].append(time.monotonic() - started)
            assert answer.status == status
    assert answer.json["message"] == "Created 0 events with 1000 errors"
    assert median(seconds[207]) < 2 * median(seconds[201])


def test_all_digits_are_stored_and_read_back(client, code):
    answer = post_batch(client, EVENT | {"trackingCode": code, "properties": "NUMBERS"})
    [event] = answer.json["events"]
    client.send(head("GET", f"/api/v1/events/{event['id']}"))
    assert b'"properties":' + NUMBERS in client.answer().body


def post_batch(client, *events):
    body = json.dumps({"events": events}).encode().replace(b'"NUMBERS"', NUMBERS)
    client.send(
        head("POST", BATCH, Content_Type="application/json", Content_Length=str(len(body))), body
    )
    return client.answer()
