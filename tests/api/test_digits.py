"""Free-form data is stored as the text that came, with every digit"""

import json
import re

import pytest
from django.db import connections

from activity.models import ActivityEvent
from analytics.collect.models import CollectedEvent
from analytics.events.models import Event
from analytics.funnel.models import FunnelEvent
from analytics.platform.models import PlatformEvent
from config.db.routers import home
from tests.support.collect import log_in

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

NUMBERS = (
    b"[0.1234567890123456789,12345678901234567890.5,1e308,1E+5,1.10,1e-16383,1e-99999,-0.0,-0,"
    b"0.1e1,18446744073709551617]"
)
DATA = rb'{"a": %s, "b\u00e9\/" : {"n":1.0 ,"n":2.50}}' % NUMBERS
EVENT = {"eventType": "custom", "url": "https://example.com/", "visitorId": "vis-1"}
EVENT |= {"sessionId": "s", "trackingCode": "CODE", "properties": "DATA"}
PRODUCT_EVENT = {"event_name": "n", "properties": "DATA"}
COLLECTED = {"event_type": "click", "event_data": "DATA"}
INVALID = {"eventType": "scroll"}
STREAMS = [
    ("v1/analytics/track", {"event": "e", "properties": "DATA"}, FunnelEvent, "event_data"),
    ("v1/events", EVENT, Event, "properties"),
    ("v1/events/batch", {"events": [EVENT]}, Event, "properties"),
    ("v1/events/batch", {"events": [EVENT, INVALID]}, Event, "properties"),
    ("v1/analytics", PRODUCT_EVENT, PlatformEvent, "properties"),
    ("v1/analytics/batch", {"events": [PRODUCT_EVENT]}, PlatformEvent, "properties"),
    ("analytics/collect", COLLECTED, CollectedEvent, "event_data"),
    ("analytics/collect", {"events": [INVALID, COLLECTED]}, CollectedEvent, "event_data"),
    ("analytics/collect", [COLLECTED], CollectedEvent, "event_data"),
]


@pytest.fixture
def send(api, token, website):
    """Post a body with CODE and DATA in their places, as a caller who may post anything."""
    log_in(api)

    def post(path, body, data=DATA):
        sent = json.dumps(body).replace('"CODE"', json.dumps(website.tracking_code)).encode()
        sent = sent.replace(b'"DATA"', data)
        return api.post_bytes(f"/api/{path}", sent, token=None if "collect" in path else token)

    return post


def stored_texts(model, column):
    """Return the texts of a column, as PostgreSQL has them."""
    with connections[home(model)].cursor() as cursor:
        cursor.execute(f"SELECT {column}::text FROM {model._meta.db_table}")
        return [text for (text,) in cursor.fetchall()]


@pytest.mark.parametrize(("path", "body", "model", "column"), STREAMS)
def test_the_text_is_stored_as_it_came(send, path, body, model, column):
    assert send(path, body).status_code in (200, 201, 207)
    assert stored_texts(model, column) == [DATA.decode()]


@pytest.mark.parametrize(("path", "body", "model", "column"), STREAMS)
def test_a_text_beyond_the_cap_is_made_compact_digits_aside(send, path, body, model, column):
    spaces = DATA.replace(b" :", b" " * 10_000 + b":")
    assert send(path, body, spaces).status_code in (200, 201, 207)
    assert stored_texts(model, column) == [f'{{"a":{NUMBERS.decode()},"bé/":{{"n":2.50}}}}']


def test_of_metadata_all_is_stored_as_it_came_but_the_key_of_the_server(send):
    body = {"type": "click", "metadata": "DATA"}
    assert send("v1/activity/events", body).status_code == 202
    [text] = metadata_texts()
    assert re.sub(',"_request":{[^}]*}}$', "}", text) == DATA.decode()
    assert json.loads(text)["_request"].keys() == {"user_agent", "remote_addr"}


def test_the_key_of_the_server_takes_the_place_of_the_clients(send):
    body = {"type": "click", "metadata": "DATA"}
    data = rb'{"_request": 1, "n": 1.10, "\u005frequest": {"remote_addr": "x"}}'
    assert send("v1/activity/events", body, data).status_code == 202
    [text] = metadata_texts()
    assert text.startswith('{"n":1.10,"_request":{"user_agent":')
    assert text.count("_request") == 1


@pytest.mark.parametrize("data", [b"{}", b"{ \n}", b"null"])
def test_without_metadata_the_key_of_the_server_is_alone(send, data):
    assert (
        send("v1/activity/events", {"type": "click", "metadata": "DATA"}, data).status_code == 202
    )
    [text] = metadata_texts()
    assert json.loads(text).keys() == {"_request"}


def metadata_texts():
    """Return the metadata of front ends' events."""
    texts = stored_texts(ActivityEvent, "metadata")
    return [text for text in texts if "_request" in text]


@pytest.mark.parametrize(
    "number",
    ["0.1234567890123456789", "12345678901234567890.5", "1e308", "1e-16383", "1.10", "-0.0"],
)
def test_an_event_is_read_back_with_every_digit(api, send, number):
    id = send("v1/events", EVENT, b'{ "a" : %s }' % number.encode()).json()["id"]
    assert f'"properties":{{"a":{number}}}' in api.get(f"/api/v1/events/{id}").text


def test_a_page_of_the_admin_shows_every_digit(send, staff_api):
    id = send("v1/events", EVENT).json()["id"]
    page = staff_api.get(f"/admin/analytics/event/{id}/change/").text
    assert re.findall(r"[-+\dEe.]+(?=,?\n    )", page.partition("&quot;a&quot;: [")[2])[:4] == [
        "0.1234567890123456789",
        "12345678901234567890.5",
        "1e308",
        "1E+5",
    ]


def test_a_key_can_be_looked_up(send):
    send("v1/events", EVENT, b'{"plan": "pro", "n": 1.10}')
    assert Event.objects.filter(properties__plan="pro", properties__n=1.1).count() == 1
    assert not Event.objects.filter(properties__plan="free").exists()
    assert list(Event.objects.values_list("properties__plan", flat=True)) == ["pro"]


def test_a_stored_object_is_stored_again_as_the_same_text(send):
    send("v1/events", EVENT)
    event = Event.objects.get()
    assert event.properties["a"][0] == 0.1234567890123456789
    event.save()
    assert stored_texts(Event, "properties") == [DATA.decode()]
    event.properties = {"b": [1, None]}
    event.save()
    assert json.loads(*stored_texts(Event, "properties")) == {"b": [1, None]}
