"""POST /api/v1/analytics/pageview: what is stored"""

from datetime import timedelta
from uuid import UUID

import pytest

from config.db import uuid7
from tests.support.responses import assert_response
from tests.support.session_rows import page_view_counts, stored_page_views
from tests.support.sessions import (
    AT,
    BIO_PAGE,
    NO_ID,
    STRANGE_IDS,
    UNKNOWN_ID,
    assert_error,
    assert_stored,
    dropped_header,
    page_view_of,
    session_of,
    switch,
)
from tests.support.sessions import PAGE_VIEW as PATH
from tests.support.sessions import SESSION as SESSIONS

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

LINK = "11111111-2222-1333-8444-555555555555"
OPTIONAL_TEXTS = ["title", "referrer"]
IDS = ["bioPageId", "linkClicked"]


def row(id, session_id, at=AT, **columns):
    """Return the row of a page view that was entered just now."""
    bare = {
        "id": id,
        "created_at": at,
        "session_id": UUID(session_id),
        "path": "/johndoe",
        "title": None,
        "referrer": None,
        "bio_page_id": None,
        "link_clicked": None,
        "duration_seconds": None,
        "scroll_depth": None,
    }
    return bare | columns


# What is stored


def test_a_page_view_is_stored_and_counted(api, session_id, clock):
    clock.move(seconds=5)
    id = assert_stored(api.post(PATH, page_view_of(session_id)))
    later = AT + timedelta(seconds=5)
    assert stored_page_views() == [row(id, session_id, later)]
    assert uuid7.time_of(id) == later
    assert page_view_counts() == [(1, True, later)]


def test_all_that_the_page_knows_is_stored(api, session_id):
    fields = {
        "path": "/a?b=c#😀",
        "title": "John Doe",
        "referrer": "not even a URL",
        "bioPageId": BIO_PAGE.upper(),
        "linkClicked": LINK,
    }
    id = assert_stored(api.post(PATH, page_view_of(session_id.upper(), **fields)))
    columns = {
        "path": "/a?b=c#😀",
        "title": "John Doe",
        "referrer": "not even a URL",
        "bio_page_id": UUID(BIO_PAGE),
        "link_clicked": UUID(LINK),
    }
    assert stored_page_views() == [row(id, session_id, **columns)]


def test_null_is_the_same_as_missing(api, session_id):
    id = assert_stored(
        api.post(PATH, page_view_of(session_id, **dict.fromkeys([*OPTIONAL_TEXTS, *IDS])))
    )
    assert stored_page_views() == [row(id, session_id)]


@pytest.mark.parametrize(("field", "kept"), [("path", 2048), ("title", 255), ("referrer", 2048)])
def test_long_texts_are_cut(api, session_id, field, kept):
    for length in (0, kept, kept + 1, 10_000):
        assert_stored(api.post(PATH, page_view_of(session_id, **{field: "😀" * length})))
    assert sorted(len(view[field]) for view in stored_page_views()) == [0, kept, kept, kept]


@pytest.mark.parametrize("text", ["\\N\t\n", "\\u0000", "' OR 1=1 --", "{\"a'}", "\u2028\uffff"])
def test_strange_texts_are_stored_as_they_are(api, session_id, text):
    assert_stored(api.post(PATH, page_view_of(session_id, path=text, title=text, referrer=text)))
    [view] = stored_page_views()
    assert [view[name] for name in ("path", "title", "referrer")] == [text] * 3


def test_from_the_second_page_view_on_a_session_is_not_bounced(api, session_id, clock):
    seen = []
    for _ in range(3):
        clock.move(seconds=1)
        assert_stored(api.post(PATH, page_view_of(session_id)))
        seen += page_view_counts()
    later = [AT + timedelta(seconds=number) for number in (1, 2, 3)]
    assert seen == [(1, True, later[0]), (2, False, later[1]), (3, False, later[2])]


@pytest.mark.parametrize(
    ("gap", "expected"),
    [
        ({"milliseconds": 1}, 0.001),
        ({"milliseconds": 1500}, 1.5),
        ({"seconds": 3600}, 3600),
        ({"milliseconds": 3_600_001}, None),
        ({"days": 1}, None),
    ],
)
def test_the_next_page_view_fills_in_the_duration(api, session_id, clock, gap, expected):
    first = assert_stored(api.post(PATH, page_view_of(session_id)))
    clock.move(**gap)
    second = assert_stored(api.post(PATH, page_view_of(session_id)))
    at = uuid7.time_of(second)
    assert stored_page_views() == [
        row(second, session_id, at),
        row(first, session_id, duration_seconds=expected),
    ]


def test_a_duration_that_is_known_stays(api, session_id, clock):
    first = assert_stored(api.post(PATH, page_view_of(session_id)))
    assert api.post(f"{PATH}/{first}/leave", {"duration": 7.5}).status_code == 200
    clock.move(seconds=60)
    assert_stored(api.post(PATH, page_view_of(session_id)))
    assert [view["duration_seconds"] for view in stored_page_views()] == [None, 7.5]


def test_only_the_page_view_before_gets_a_duration(api, session_id, clock):
    for seconds in (4000, 10, 20):
        assert_stored(api.post(PATH, page_view_of(session_id)))
        clock.move(seconds=seconds)
    assert_stored(api.post(PATH, page_view_of(session_id)))
    assert [view["duration_seconds"] for view in stored_page_views()] == [None, 20, 10, None]


def test_sessions_do_not_mix(api, session_id, clock):
    other = str(assert_stored(api.post(SESSIONS, session_of(visitorId="other"))))
    mine = assert_stored(api.post(PATH, page_view_of(session_id)))
    clock.move(seconds=9)
    theirs = assert_stored(api.post(PATH, page_view_of(other)))
    assert stored_page_views() == [row(theirs, other, uuid7.time_of(theirs)), row(mine, session_id)]
    assert sorted(count for count, *_ in page_view_counts()) == [1, 1]


# What is dropped


@pytest.mark.parametrize(
    "id", ["", "%00", "x", "😀", "x" * 5000, "' OR 1=1 --", UNKNOWN_ID, f"{UNKNOWN_ID}\n", "\t"]
)
def test_a_page_view_of_no_session_leaves_no_row(api, session_id, id):
    assert_response(api.post(PATH, page_view_of(id)), 200, NO_ID, dropped_header("unknown_session"))
    assert stored_page_views() == []
    assert page_view_counts() == [(0, True, AT)]


def test_the_id_of_a_page_view_is_no_session_id(api, session_id):
    id = assert_stored(api.post(PATH, page_view_of(session_id)))
    assert_response(
        api.post(PATH, page_view_of(str(id))), 200, NO_ID, dropped_header("unknown_session")
    )
    assert len(stored_page_views()) == 1


@pytest.mark.parametrize("text", ["false", "TRUE", "1", ""])
@pytest.mark.parametrize("id", [None, *STRANGE_IDS[:2]])
def test_nothing_is_stored_while_the_switch_is_off(api, session_id, text, id):
    switch(text)
    assert_response(
        api.post(PATH, page_view_of(id or session_id)), 200, NO_ID, dropped_header("kill_switch")
    )
    assert stored_page_views() == []
    assert page_view_counts() == [(0, True, AT)]


def test_fields_are_checked_while_the_switch_is_off(api):
    switch("false")
    assert_error(api.post(PATH, page_view_of(5)), 400, "sessionId must be a string")
