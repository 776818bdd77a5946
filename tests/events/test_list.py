"""GET /api/v1/events: rows, filters and pages"""

import pytest

from tests.support.events import (
    AT_MS,
    AT_TEXT,
    BATCH_PATH,
    PATH,
    event_of,
    full_event_of,
    invalid,
    new_id,
    shown,
)
from tests.support.responses import (
    assert_answer,
)

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

BAD_CURSOR = invalid(fields={"cursor": ["Invalid cursor"]}, message="Invalid query parameters")


@pytest.fixture
def read(api, website):
    """List the website's events."""
    return lambda **query: api.get(PATH, {"trackingCode": website.tracking_code} | query)


@pytest.fixture
def make_events(api, website):
    """Store events a second apart, and return their ids, the newest first."""

    def make(count, **changes):
        times = [AT_MS + 1000 * n for n in range(count)]
        events = [event_of(website, timestamp=ms, **changes) for ms in times]
        told = api.post(BATCH_PATH, {"events": events}).json()
        return [event["id"] for event in reversed(told["events"])]

    return make


def listed(response):
    return [event["id"] for event in response.json()["events"]]


def page(*events, total, limit=100, offset=0, cursor=None):
    """Return the body of one page."""
    counts = {"total": total, "limit": limit, "offset": offset, "nextCursor": cursor}
    return {"events": list(events), "pagination": counts}


def test_an_event_is_listed_with_eleven_keys(api, website, read):
    sent = full_event_of(website, id=new_id())
    api.post(PATH, sent)
    item = shown(sent, website, id=sent["id"])
    del item["websiteId"]
    assert len(item) == 11
    assert_answer(read(), 200, page(item, total=1))


def test_what_did_not_come_is_null(api, website, read):
    sent = event_of(website, id=new_id())
    api.post(PATH, sent)
    [item] = read().json()["events"]
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


def test_a_website_without_events_has_an_empty_list(read):
    assert_answer(read(), 200, page(total=0))


def test_the_newest_event_comes_first(api, website, read):
    ids = {ms: new_id(ms) for ms in (AT_MS + 2, AT_MS, AT_MS + 1)}
    for id in ids.values():
        api.post(PATH, event_of(website, id=id))
    assert listed(read()) == [ids[AT_MS + 2], ids[AT_MS + 1], ids[AT_MS]]


def test_of_one_time_the_last_one_of_a_batch_comes_first(api, website, read):
    events = [event_of(website, timestamp=AT_MS) for _ in range(50)]
    told = api.post(BATCH_PATH, {"events": events}).json()["events"]
    assert listed(read()) == [event["id"] for event in reversed(told)]


def test_events_of_other_websites_are_not_listed(api, website, make_website, user, read):
    api.post(PATH, event_of(make_website(user, "other.example")))
    assert_answer(read(), 200, page(total=0))


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
def test_only_events_of_a_type_are_listed_and_counted(api, website, read, event_type, kept):
    for ms, each in enumerate(("pageview", "click", "custom"), AT_MS):
        api.post(PATH, event_of(website, eventType=each, timestamp=ms))
    told = read(eventType=event_type).json()
    assert [event["eventType"] for event in told["events"]] == kept
    assert told["pagination"]["total"] == len(kept)


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
def test_a_limit_is_brought_into_its_range(read, make_events, limit, applied):
    ids = make_events(3)
    response = read(limit=limit)
    assert response.json()["pagination"]["limit"] == applied
    assert listed(response) == ids[:applied]


@pytest.mark.parametrize(
    ("offset", "applied"),
    [
        *(("0", 0), ("1", 1), ("2", 2), ("3", 3), ("1000000", 1_000_000)),
        *(("-1", 0), ("abc", 0), ("", 0), ("1.5", 0), ("-", 0)),
        *(("1000001", 1_000_000), ("99999999999999999999", 1_000_000)),
    ],
)
def test_an_offset_is_brought_into_its_range(read, make_events, offset, applied):
    ids = make_events(3)
    response = read(offset=offset)
    counts = {"total": 3, "limit": 100, "offset": applied, "nextCursor": None}
    assert response.json()["pagination"] == counts
    assert listed(response) == ids[applied:]


def test_pages_follow_each_other_by_cursor(read, make_events):
    ids = make_events(5)
    cursor: str | None = None
    seen: list[str] = []
    cursors: list[str | None] = []
    while cursor or not seen:
        response = read(limit=2, **({"cursor": cursor} if cursor else {}))
        cursor = response.json()["pagination"]["nextCursor"]
        seen += listed(response)
        cursors.append(cursor)
        assert response.json()["pagination"]["total"] == 5
    assert seen == ids
    assert cursors == [ids[1], ids[3], None]


def test_a_full_last_page_has_no_next_cursor(read, make_events):
    make_events(4)
    assert read(limit=4).json()["pagination"]["nextCursor"] is None


def test_a_page_by_offset_has_a_cursor_too(read, make_events):
    ids = make_events(5)
    assert read(limit=2, offset=1).json()["pagination"]["nextCursor"] == ids[2]


def test_with_a_cursor_the_offset_is_ignored_and_told_as_0(read, make_events):
    ids = make_events(4)
    response = read(cursor=ids[0].upper(), offset=2, eventType="pageview")
    assert listed(response) == ids[1:]
    assert response.json()["pagination"]["offset"] == 0


def test_a_cursor_that_is_no_event_goes_on_below_it(read, make_events):
    ids = make_events(2)
    assert listed(read(cursor="ffffffff-ffff-ffff-ffff-ffffffffffff")) == ids
    assert listed(read(cursor="00000000-0000-0000-0000-000000000000")) == []


@pytest.mark.parametrize(
    "cursor", ["abc", "", "\0", "019c0630fe0070c8aa3ade3497964cb8", "1", "x" * 5000]
)
def test_a_cursor_must_be_a_uuid(read, make_events, cursor):
    make_events(1)
    assert_answer(read(cursor=cursor), 400, BAD_CURSOR)


def test_of_a_repeated_parameter_the_last_one_counts(api, website, make_events):
    ids = make_events(3)
    code = website.tracking_code
    response = api.get(f"{PATH}?trackingCode=pm-nobody&limit=1&limit=2&trackingCode={code}")
    assert listed(response) == ids[:2]
