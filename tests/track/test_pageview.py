"""POST /api/v1/analytics/pageview"""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connections

from analytics.sessions.models import PageView, Session
from config.db import uuid7
from tests.support.responses import assert_answer
from tests.support.sessions import (
    AT,
    AT_MS,
    BIO_PAGE,
    NO_ID,
    STRANGE_IDS,
    TOO_LONG,
    UNKNOWN_ID,
    assert_error,
    assert_rate_limited,
    assert_stored,
    counted,
    dropped,
    send,
    session_of,
    switch,
    take_storage_away,
)
from tests.support.sessions import PAGE_VIEW as PATH
from tests.support.sessions import SESSION as SESSIONS

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

LINK = "11111111-2222-1333-8444-555555555555"
OPTIONAL_TEXTS = ["title", "referrer"]
IDS = ["bioPageId", "linkClicked"]
NO_TEXTS: list[Any] = [None, 5, True, ["a"], {}]


class Clock:
    """The server's clock, which stands until a test moves it."""

    ms = AT_MS

    def __call__(self):
        return self.ms

    def move(self, **duration):
        self.ms += timedelta(**duration) // timedelta(milliseconds=1)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(uuid7, "now_ms", clock)
    return clock


@pytest.fixture
def session(api, clock):
    """The id of a stored session, as its page knows it."""
    return str(assert_stored(send(api, session_of(), SESSIONS)))


def post(api, session, **fields):
    return send(api, {"sessionId": session, "path": "/johndoe"} | fields, PATH)


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
    assert send(api, {"duration": 7.5}, f"{PATH}/{first}/leave").status_code == 200
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
    other = str(assert_stored(send(api, session_of(visitorId="other"), SESSIONS)))
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


# Fields


@pytest.mark.parametrize(
    ("change", "details"),
    [
        *(
            ({name: value}, [f"{name} must be a string"])
            for name in ("sessionId", "path")
            for value in NO_TEXTS
        ),
        *(
            ({name: value}, [f"{name} must be a string"])
            for name in OPTIONAL_TEXTS
            for value in NO_TEXTS[1:]
        ),
        *(
            ({name: value}, [f"{name} must be a UUID"])
            for name in IDS
            for value in ("zz", "", 5, LINK.replace("-", ""))
        ),
        (
            {"linkClicked": 5, "title": 5, "sessionId": 5},
            ["sessionId must be a string", "title must be a string", "linkClicked must be a UUID"],
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_each_failing_field_is_told(api, session, change, details):
    assert_error(post(api, session, **change), 400, *details)
    assert stored() == []


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_an_empty_body_lacks_session_and_path(api, body):
    response = api.generic("POST", PATH, body, "application/json")
    assert_error(response, 400, "sessionId must be a string", "path must be a string")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"[]", "body must be an object"),
        (b'{"sessionId": ', "Invalid JSON"),
        (rb'{"path": "a\u0000"}', "NUL characters are not allowed"),
        (rb'{"ignored": "\udc00\ud800"}', "Lone surrogates are not allowed"),
    ],
)
def test_json_problems_are_told(api, body, detail):
    assert_error(api.generic("POST", PATH, body, "application/json"), 400, detail)


# Methods, types, sizes


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_another_method_is_refused(api, method):
    assert_error(api.generic(method, PATH), 405, headers={"Allow": "POST"})


@pytest.mark.parametrize("path", [f"{PATH}/", f"{PATH}/{UNKNOWN_ID}", f"{PATH}/x/y/leave"])
def test_another_path_is_unknown(api, session, path):
    assert_error(send(api, {"sessionId": session, "path": "/"}, path), 404)
    assert stored() == []


def test_json_is_read_as_text(api, session):
    body = json.dumps({"sessionId": session, "path": "/"}).encode()
    assert_stored(api.generic("POST", PATH, body, "text/plain;charset=UTF-8"))


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/html"])
def test_another_type_is_not_read(api, session, content_type):
    body = json.dumps({"sessionId": session, "path": "/"}).encode()
    assert_error(api.generic("POST", PATH, body, content_type), 415)
    assert stored() == []


def test_a_body_over_the_limit_is_refused(api):
    assert_error(api.generic("POST", PATH, b"x" * TOO_LONG, "text/html"), 413)


# How often


@pytest.mark.usefixtures("still_clock")
def test_the_thirty_first_of_a_minute_is_refused(api, session):
    for _ in range(10):
        assert post(api, UNKNOWN_ID).status_code == 200
        assert post(api, session).status_code == 200
        assert post(api, 5).status_code == 400
    response = post(api, session)
    assert 1 <= int(response["Retry-After"]) <= 60
    assert_rate_limited(response, int(response["Retry-After"]))
    assert len(stored()) == 10


# When storage fails


def test_a_failed_write_looks_like_a_dropped_page_view(api, session, monkeypatch):
    before = counted("dropped", "write_failed")
    take_storage_away(monkeypatch)
    assert_answer(post(api, session), 200, NO_ID, dropped("write_failed"))
    assert counted("dropped", "write_failed") == before + 1
    assert stored() == []
    assert counts() == [(0, True, AT)]


def test_a_row_that_the_database_refuses_counts_nowhere(api, session):
    with connections["analytics"].cursor() as cursor:
        cursor.execute("ALTER TABLE analytics_pageview ADD CHECK (path <> 'refused') NOT VALID")
    assert_answer(post(api, session, path="refused"), 200, NO_ID, dropped("write_failed"))
    assert counts() == [(0, True, AT)]
    assert_stored(post(api, session))
    assert counts() == [(1, True, AT)]


def test_page_views_need_no_main_database(api, session, main_database_away):
    assert_stored(post(api, session))
