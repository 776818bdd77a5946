"""POST /api/v1/analytics/pageview: what is stored"""

from datetime import timedelta
from uuid import UUID

import pytest

from analytics.sessions.models import PageView, Session
from config.db import uuid7
from tests.support.responses import assert_answer
from tests.support.sessions import (
    AT,
    BIO_PAGE,
    NO_ID,
    STRANGE_IDS,
    UNKNOWN_ID,
    assert_error,
    assert_stored,
    dropped,
    session_of,
    switch,
)
from tests.support.sessions import PAGE_VIEW as PATH
from tests.support.sessions import SESSION as SESSIONS

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

LINK = "11111111-2222-1333-8444-555555555555"
OPTIONAL_TEXTS = ["title", "referrer"]
IDS = ["bioPageId", "linkClicked"]


@pytest.fixture
def session(api, clock):
    """The id of a session that began at AT."""
    clock.set(AT)
    return str(assert_stored(api.post(SESSIONS, session_of())))


def post(api, session, **fields):
    return api.post(PATH, {"sessionId": session, "path": "/johndoe"} | fields)


def stored():
    """Return the rows of all page views, the newest first, each a value for every column."""
    return list(PageView.objects.newest_first().values())


def row(id, session, at=AT, **columns):
    """Return the row of a page view that was entered just now."""
    bare = {
        "id": id,
        "created_at": at,
        "session_id": UUID(session),
        "path": "/johndoe",
        "title": None,
        "referrer": None,
        "bio_page_id": None,
        "link_clicked": None,
        "duration_seconds": None,
        "scroll_depth": None,
    }
    return bare | columns


def counts():
    """Return what the sessions know of their page views."""
    return list(Session.objects.values_list("page_views", "bounced", "last_active_at"))


# What is stored


def test_a_page_view_is_stored_and_counted(api, session, clock):
    clock.move(seconds=5)
    id = assert_stored(post(api, session))
    later = AT + timedelta(seconds=5)
    assert stored() == [row(id, session, later)]
    assert uuid7.time_of(id) == later
    assert counts() == [(1, True, later)]


def test_all_that_the_page_knows_is_stored(api, session):
    fields = {
        "path": "/a?b=c#😀",
        "title": "John Doe",
        "referrer": "not even a URL",
        "bioPageId": BIO_PAGE.upper(),
        "linkClicked": LINK,
    }
    id = assert_stored(post(api, session.upper(), **fields))
    columns = {
        "path": "/a?b=c#😀",
        "title": "John Doe",
        "referrer": "not even a URL",
        "bio_page_id": UUID(BIO_PAGE),
        "link_clicked": UUID(LINK),
    }
    assert stored() == [row(id, session, **columns)]


def test_null_is_the_same_as_nothing(api, session):
    id = assert_stored(post(api, session, **dict.fromkeys([*OPTIONAL_TEXTS, *IDS])))
    assert stored() == [row(id, session)]


@pytest.mark.parametrize(("field", "kept"), [("path", 2048), ("title", 255), ("referrer", 2048)])
def test_long_texts_are_cut(api, session, field, kept):
    for length in (0, kept, kept + 1, 10_000):
        assert_stored(post(api, session, **{field: "😀" * length}))
    assert sorted(len(view[field]) for view in stored()) == [0, kept, kept, kept]


@pytest.mark.parametrize("text", ["\\N\t\n", "\\u0000", "' OR 1=1 --", "{\"a'}", "\u2028\uffff"])
def test_strange_texts_are_stored_as_they_are(api, session, text):
    assert_stored(post(api, session, path=text, title=text, referrer=text))
    [view] = stored()
    assert [view[name] for name in ("path", "title", "referrer")] == [text] * 3


def test_from_the_second_page_view_on_a_session_is_not_bounced(api, session, clock):
    seen = []
    for _ in range(3):
        clock.move(seconds=1)
        assert_stored(post(api, session))
        seen += counts()
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
def test_the_next_page_view_tells_how_long_one_took(api, session, clock, gap, expected):
    first = assert_stored(post(api, session))
    clock.move(**gap)
    second = assert_stored(post(api, session))
    at = uuid7.time_of(second)
    assert stored() == [
        row(second, session, at),
        row(first, session, duration_seconds=expected),
    ]


def test_a_duration_that_is_known_stays(api, session, clock):
    first = assert_stored(post(api, session))
    assert api.post(f"{PATH}/{first}/leave", {"duration": 7.5}).status_code == 200
    clock.move(seconds=60)
    assert_stored(post(api, session))
    assert [view["duration_seconds"] for view in stored()] == [None, 7.5]


def test_only_the_page_view_before_gets_a_duration(api, session, clock):
    for seconds in (4000, 10, 20):
        assert_stored(post(api, session))
        clock.move(seconds=seconds)
    assert_stored(post(api, session))
    assert [view["duration_seconds"] for view in stored()] == [None, 20, 10, None]


def test_sessions_do_not_mix(api, session, clock):
    other = str(assert_stored(api.post(SESSIONS, session_of(visitorId="other"))))
    mine = assert_stored(post(api, session))
    clock.move(seconds=9)
    theirs = assert_stored(post(api, other))
    assert stored() == [row(theirs, other, uuid7.time_of(theirs)), row(mine, session)]
    assert sorted(count for count, *_ in counts()) == [1, 1]


# What is dropped


@pytest.mark.parametrize(
    "id", ["", "%00", "x", "😀", "x" * 5000, "' OR 1=1 --", UNKNOWN_ID, f"{UNKNOWN_ID}\n", "\t"]
)
def test_a_page_view_of_no_session_leaves_no_row(api, session, id):
    assert_answer(post(api, id), 200, NO_ID, dropped("unknown_session"))
    assert stored() == []
    assert counts() == [(0, True, AT)]


def test_the_id_of_a_page_view_is_none_of_a_session(api, session):
    id = assert_stored(post(api, session))
    assert_answer(post(api, str(id)), 200, NO_ID, dropped("unknown_session"))
    assert len(stored()) == 1


@pytest.mark.parametrize("text", ["false", "TRUE", "1", ""])
@pytest.mark.parametrize("id", [None, *STRANGE_IDS[:2]])
def test_nothing_is_stored_while_the_switch_is_off(api, session, text, id):
    switch(text)
    assert_answer(post(api, id or session), 200, NO_ID, dropped("kill_switch"))
    assert stored() == []
    assert counts() == [(0, True, AT)]


def test_fields_are_checked_while_the_switch_is_off(api):
    switch("false")
    assert_error(post(api, 5), 400, "sessionId must be a string")
