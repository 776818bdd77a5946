"""GET /api/v1/events: rows, filters and pages"""

import pytest

from tests.support.events import (
    AT_MS,
    AT_TEXT,
    BAD_CURSOR,
    BATCH_PATH,
    PATH,
    event_body,
    event_of,
    full_event_of,
    ids_of,
    new_id,
    page_body,
)
from tests.support.responses import assert_response

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])


def test_an_event_is_listed_with_eleven_keys(api, website, list_events):
    sent = full_event_of(website, id=new_id())
    api.post(PATH, sent)
    item = event_body(sent, website, id=sent["id"])
    del item["websiteId"]
    assert len(item) == 11
    assert_response(list_events(), 200, page_body(item, total=1))


def test_missing_fields_are_null(api, website, list_events):
    sent = event_of(website, id=new_id())
    api.post(PATH, sent)
    [item] = list_events().json()["events"]
    assert item == {
        "id": sent["id"],
        "eventType": "pageview",
        "url": "https://example.com/",
        "referrer": None,
        "sessionId": "sess-1",
        "visitorId": "vis-1",
        "deviceType": None,
        "browser": None,
        "os": None,
        "location": None,
        "createdAt": AT_TEXT,
    }


def test_a_website_without_events_has_an_empty_list(list_events):
    assert_response(list_events(), 200, page_body(total=0))


def test_the_newest_event_comes_first(api, website, list_events):
    ids = {ms: new_id(ms) for ms in (AT_MS + 2, AT_MS, AT_MS + 1)}
    for id in ids.values():
        api.post(PATH, event_of(website, id=id))
    assert ids_of(list_events()) == [ids[AT_MS + 2], ids[AT_MS + 1], ids[AT_MS]]


def test_events_of_one_time_are_listed_in_reverse_order_of_their_batch(api, website, list_events):
    events = [event_of(website, timestamp=AT_MS) for _ in range(50)]
    result = api.post(BATCH_PATH, {"events": events}).json()["events"]
    assert ids_of(list_events()) == [event["id"] for event in reversed(result)]


def test_events_of_other_websites_are_not_listed(api, website, make_website, user, list_events):
    api.post(PATH, event_of(make_website(user, "other.example")))
    assert_response(list_events(), 200, page_body(total=0))


@pytest.mark.parametrize(
    ("event_type", "kept"),
    [
        ("pageview", ["pageview"]),
        ("click", ["click"]),
        ("custom", ["custom"]),
        ("", ["custom", "click", "pageview"]),
        ("scroll", []),
        ("Click", []),
        ("click ", []),
        ("\0", []),
        ("x" * 5000, []),
    ],
)
def test_only_events_of_a_type_are_listed_and_counted(api, website, list_events, event_type, kept):
    for ms, each in enumerate(("pageview", "click", "custom"), AT_MS):
        api.post(PATH, event_of(website, eventType=each, timestamp=ms))
    body = list_events(eventType=event_type).json()
    assert [event["eventType"] for event in body["events"]] == kept
    assert body["pagination"]["total"] == len(kept)


@pytest.mark.parametrize(
    ("limit", "applied"),
    [
        *(("1", 1), ("2", 2), ("999", 999), ("1000", 1000), ("007", 7)),
        *(("abc", 100), ("", 100), ("0", 100), ("-0", 100), ("1.5", 100), ("1e2", 100)),
        *((" 5", 100), ("5\n", 100), ("0x10", 100), ("1_0", 100), ("--5", 100), ("-", 100)),
        ("\u0665", 100),  # an Arabic digit
        *(("-5", 1), ("-99999999999999999999", 1)),
        *(("1001", 1000), ("5000", 1000), ("99999999999999999999", 1000), ("9" * 5000, 1000)),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_a_limit_is_brought_into_its_range(list_events, make_events, limit, applied):
    ids = make_events(3)
    response = list_events(limit=limit)
    assert response.json()["pagination"]["limit"] == applied
    assert ids_of(response) == ids[:applied]


@pytest.mark.parametrize(
    ("offset", "applied"),
    [
        *(("0", 0), ("1", 1), ("2", 2), ("3", 3), ("1000000", 1_000_000)),
        *(("-1", 0), ("abc", 0), ("", 0), ("1.5", 0), ("-", 0)),
        *(("1000001", 1_000_000), ("99999999999999999999", 1_000_000)),
    ],
)
def test_an_offset_is_brought_into_its_range(list_events, make_events, offset, applied):
    ids = make_events(3)
    response = list_events(offset=offset)
    counts = {"total": 3, "limit": 100, "offset": applied, "nextCursor": None}
    assert response.json()["pagination"] == counts
    assert ids_of(response) == ids[applied:]


def test_pages_follow_each_other_by_cursor(list_events, make_events):
    ids = make_events(5)
    cursor: str | None = None
    seen: list[str] = []
    cursors: list[str | None] = []
    while cursor or not seen:
        response = list_events(limit=2, **({"cursor": cursor} if cursor else {}))
        cursor = response.json()["pagination"]["nextCursor"]
        seen += ids_of(response)
        cursors.append(cursor)
        assert response.json()["pagination"]["total"] == 5
    assert seen == ids
    assert cursors == [ids[1], ids[3], None]


def test_a_full_last_page_has_no_next_cursor(list_events, make_events):
    make_events(4)
    assert list_events(limit=4).json()["pagination"]["nextCursor"] is None


def test_a_page_by_offset_has_a_cursor_too(list_events, make_events):
    ids = make_events(5)
    assert list_events(limit=2, offset=1).json()["pagination"]["nextCursor"] == ids[2]


def test_with_a_cursor_the_offset_is_ignored_and_returned_as_0(list_events, make_events):
    ids = make_events(4)
    response = list_events(cursor=ids[0].upper(), offset=2, eventType="pageview")
    assert ids_of(response) == ids[1:]
    assert response.json()["pagination"]["offset"] == 0


def test_a_cursor_that_is_no_event_goes_on_below_it(list_events, make_events):
    ids = make_events(2)
    assert ids_of(list_events(cursor="ffffffff-ffff-ffff-ffff-ffffffffffff")) == ids
    assert ids_of(list_events(cursor="00000000-0000-0000-0000-000000000000")) == []


@pytest.mark.parametrize(
    "cursor", ["abc", "", "\0", "019c0630fe0070c8aa3ade3497964cb8", "1", "x" * 5000]
)
def test_a_cursor_must_be_a_uuid(list_events, make_events, cursor):
    make_events(1)
    assert_response(list_events(cursor=cursor), 400, BAD_CURSOR)


def test_of_a_repeated_parameter_the_last_one_counts(api, website, make_events):
    ids = make_events(3)
    code = website.tracking_code
    response = api.get(f"{PATH}?trackingCode=pm-nobody&limit=1&limit=2&trackingCode={code}")
    assert ids_of(response) == ids[:2]
