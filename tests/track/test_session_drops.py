"""POST /api/v1/analytics/session: sessions that are dropped, and outcome counts"""

from datetime import timedelta

import pytest

from analytics.sessions.models import Session
from tests.support.responses import (
    assert_answer,
)
from tests.support.sessions import (
    AT,
    BIO_PAGE,
    IPHONE,
    NO_ID,
    SECRET,
    TOKEN,
    assert_error,
    assert_stored,
    counted,
    dropped,
    session_of,
    switch,
    take_storage_away,
)
from tests.support.sessions import SESSION as PATH

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

COLUMNS = {
    "referrer": "referrer",
    "landingPage": "landing_page",
    "device": "device",
    "browser": "browser",
    "os": "os",
    "osVersion": "os_version",
    "timezone": "timezone",
    "language": "language",
    "utmSource": "utm_source",
    "utmMedium": "utm_medium",
    "utmCampaign": "utm_campaign",
    "utmTerm": "utm_term",
    "utmContent": "utm_content",
    "screenWidth": "screen_width",
    "screenHeight": "screen_height",
}
BARE_ROW = {
    "visitor_hash": "1a0b9e021eb73e144a8bf35be02497aa32b210abd7f9d18465b470f90bab16e3",
    "user_id": None,
    "bio_page_id": None,
    "referrer_domain": "direct",
    "country": None,
    "city": None,
    "page_views": 0,
    "bounced": True,
    "duration_seconds": 0,
    **dict.fromkeys(COLUMNS.values()),
}


@pytest.fixture(autouse=True)
def _secret(settings):
    settings.TRACKING_HMAC_SECRET = SECRET


@pytest.fixture
def now(clock):
    """Let it be AT."""
    clock.set(AT)


def post(api, body, user_agent=None, **more):
    headers = {"User-Agent": user_agent} if user_agent is not None else {}
    return api.post(PATH, body, headers=headers, **more)


def stored():
    """Return the rows of all sessions, each a value for every column."""
    return list(Session.objects.newest_first().values())


def row(id, at=AT, **columns):
    """Return the row of a session that began just now."""
    return BARE_ROW | {"id": id, "created_at": at, "last_active_at": at} | columns


# What is dropped


@pytest.mark.parametrize("user_agent", ["Googlebot/2.1", "curl/8.0", "x PREVIEW y"])
def test_a_bot_gets_the_usual_answer_and_leaves_no_row(api, user_agent):
    assert_answer(post(api, session_of(), user_agent), 200, NO_ID, dropped("bot"))
    assert stored() == []
    assert_stored(post(api, session_of(), IPHONE))


@pytest.mark.parametrize(
    "consent",
    [
        {"consentAnalytics": "GRANTED"},
        {"consentAnalytics": " granted"},
        {"consentAnalytics": ""},
        {"consentAnalytics": "denied"},
        {"consentAnalytics": None},
        {},
    ],
)
def test_without_consent_nothing_is_stored(api, consent):
    response = post(api, {"visitorId": "vis-abc"} | consent)
    assert_answer(response, 200, NO_ID, dropped("no_consent"))
    assert stored() == []


@pytest.mark.parametrize(
    "token",
    [
        {},
        {"trackingToken": None},
        {"trackingToken": ""},
        {"trackingToken": TOKEN.upper()},
        {"trackingToken": TOKEN + "0" * 8},
        {"trackingToken": "é" * 32},
        {"trackingToken": "a1c300ad3727eb475bc314a360557c75"},  # of another time
    ],
)
def test_a_page_without_its_token_is_unverified(api, now, token):
    response = post(api, session_of(bioPageId=BIO_PAGE, **token))
    assert_answer(response, 200, NO_ID, dropped("unverified"))
    assert stored() == []


def test_a_token_of_another_page_is_unverified(api, now):
    other = BIO_PAGE.replace("3301", "3302")
    response = post(api, session_of(bioPageId=other, trackingToken=TOKEN))
    assert_answer(response, 200, NO_ID, dropped("unverified"))
    assert stored() == []


@pytest.mark.parametrize(
    ("age", "is_stored"),
    [
        (timedelta(0), True),
        (timedelta(minutes=9, seconds=59), True),
        (timedelta(minutes=10), False),
        (timedelta(minutes=11), False),
        (timedelta(seconds=-1), False),
    ],
)
def test_a_token_grows_old(api, clock, age, is_stored):
    clock.set(AT + age)
    response = post(api, session_of(bioPageId=BIO_PAGE, trackingToken=TOKEN))
    if is_stored:
        assert_stored(response)
    else:
        assert_answer(response, 200, NO_ID, dropped("unverified"))
    assert len(stored()) == is_stored


def test_without_a_secret_every_page_is_unverified(api, now, settings):
    settings.TRACKING_HMAC_SECRET = ""
    response = post(api, session_of(bioPageId=BIO_PAGE, trackingToken=TOKEN))
    assert_answer(response, 200, NO_ID, dropped("unverified"))
    assert_stored(post(api, session_of()))


def test_a_token_alone_is_not_read(api, now):
    id = assert_stored(post(api, session_of(trackingToken="x")))
    assert stored() == [row(id)]


@pytest.mark.parametrize("text", ["false", "TRUE", "1", ""])
def test_nothing_is_stored_while_the_switch_is_off(api, text):
    switch(text)
    assert_answer(post(api, session_of()), 200, NO_ID, dropped("kill_switch"))
    assert stored() == []


def test_fields_are_checked_while_the_switch_is_off(api):
    switch("false")
    assert_error(post(api, {}), 400, "visitorId must be a string")


def test_the_first_reason_in_their_order_is_told(api, monkeypatch):
    body = {"visitorId": "vis-abc", "bioPageId": BIO_PAGE}
    take_storage_away(monkeypatch)
    switch("false")
    assert post(api, body, "curl/8.0").headers.items() >= dropped("kill_switch").items()
    switch("true")
    assert post(api, body, "curl/8.0").headers.items() >= dropped("bot").items()
    assert post(api, body).headers.items() >= dropped("no_consent").items()
    body["consentAnalytics"] = "granted"
    assert post(api, body).headers.items() >= dropped("unverified").items()
    del body["bioPageId"]
    assert post(api, body).headers.items() >= dropped("write_failed").items()


# Counting


def test_every_way_out_is_counted_by_its_name(api, monkeypatch):
    def counts():
        dropped = ("kill_switch", "bot", "no_consent", "unverified", "write_failed")
        return [
            counted("stored"),
            counted("rejected"),
            *(counted("dropped", reason) for reason in dropped),
        ]

    before = counts()
    post(api, session_of())
    post(api, {})
    post(api, session_of(), "curl/8.0")
    post(api, {"visitorId": "vis-abc"})
    post(api, session_of(bioPageId=BIO_PAGE))
    take_storage_away(monkeypatch)
    post(api, session_of())
    switch("false")
    post(api, session_of())
    assert [after - then for after, then in zip(counts(), before, strict=True)] == [1] * 7
