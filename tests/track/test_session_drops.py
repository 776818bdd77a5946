"""POST /api/v1/analytics/session: sessions that are dropped, and outcome counts"""

from datetime import timedelta

import pytest

from tests.support.responses import assert_response
from tests.support.session_rows import session_row, stored_sessions
from tests.support.sessions import (
    AT,
    BIO_PAGE,
    IPHONE,
    NO_ID,
    SECRET,
    TOKEN,
    assert_error,
    assert_stored,
    dropped_header,
    fail_writes,
    ingested_total,
    session_of,
    switch,
)
from tests.support.sessions import SESSION as PATH

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36"


@pytest.fixture(autouse=True)
def _secret(settings):
    settings.TRACKING_HMAC_SECRET = SECRET


# What is dropped


@pytest.mark.parametrize(
    "user_agent",
    [
        *("Googlebot/2.1", "curl/8.0", "x PREVIEW y", "python-httpx/0.28.1", "Go-http-client/2.0"),
        "Mozilla/5.0 (compatible; Perplexity-User/1.0; +https://perplexity.ai/perplexity-user)",
        "Mozilla/5.0 (compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
        "Playwright/1.56.0 (x64; ubuntu 24.04) node/22.20",
        "WhatsApp/2.23.20.0",
    ],
)
def test_a_bot_gets_the_usual_response_and_leaves_no_row(api, user_agent):
    assert_response(
        api.post(PATH, session_of(), HTTP_USER_AGENT=user_agent), 200, NO_ID, dropped_header("bot")
    )
    assert stored_sessions() == []
    assert_stored(api.post(PATH, session_of(), HTTP_USER_AGENT=IPHONE))


@pytest.mark.parametrize(
    "user_agent",
    [
        f"Mozilla/5.0 (Linux; Android 15; CUBOT KINGKONG 9) {CHROME}",
        f"Mozilla/5.0 (Linux; Android 7.0; M bot 60 Build/NRD90M) {CHROME}",
        f"Mozilla/5.0 (Linux; Android 12; S1; wv) {CHROME} Instagram 405.0 Android (31; htc_bot)",
        *("okhttp/4.12.0", "Dart/3.9 (dart:io)", "ShopApp/1 CFNetwork/1410.1 Darwin/22.6.0"),
        *("Dalvik/2.1.0 (Linux; U; Android 15; CUBOT X9)", "ShopApp/5.2 Alamofire/5.10", ""),
    ],
)
def test_people_and_the_apps_of_their_telephones_are_no_bots(api, user_agent):
    assert_stored(api.post(PATH, session_of(), HTTP_USER_AGENT=user_agent))


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
    response = api.post(PATH, {"visitorId": "vis-abc"} | consent)
    assert_response(response, 200, NO_ID, dropped_header("no_consent"))
    assert stored_sessions() == []


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
    response = api.post(PATH, session_of(bioPageId=BIO_PAGE, **token))
    assert_response(response, 200, NO_ID, dropped_header("unverified"))
    assert stored_sessions() == []


def test_a_token_of_another_page_is_unverified(api, now):
    other = BIO_PAGE.replace("3301", "3302")
    response = api.post(PATH, session_of(bioPageId=other, trackingToken=TOKEN))
    assert_response(response, 200, NO_ID, dropped_header("unverified"))
    assert stored_sessions() == []


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
def test_a_tracking_token_expires(api, clock, age, is_stored):
    clock.set(AT + age)
    response = api.post(PATH, session_of(bioPageId=BIO_PAGE, trackingToken=TOKEN))
    if is_stored:
        assert_stored(response)
    else:
        assert_response(response, 200, NO_ID, dropped_header("unverified"))
    assert len(stored_sessions()) == is_stored


def test_without_a_secret_every_page_is_unverified(api, now, settings):
    settings.TRACKING_HMAC_SECRET = ""
    response = api.post(PATH, session_of(bioPageId=BIO_PAGE, trackingToken=TOKEN))
    assert_response(response, 200, NO_ID, dropped_header("unverified"))
    assert_stored(api.post(PATH, session_of()))


def test_a_tracking_token_without_a_page_is_ignored(api, now):
    id = assert_stored(api.post(PATH, session_of(trackingToken="x")))
    assert stored_sessions() == [session_row(id)]


@pytest.mark.parametrize("text", ["false", "TRUE", "1", ""])
def test_nothing_is_stored_while_the_switch_is_off(api, text):
    switch(text)
    assert_response(api.post(PATH, session_of()), 200, NO_ID, dropped_header("kill_switch"))
    assert stored_sessions() == []


def test_fields_are_checked_while_the_switch_is_off(api):
    switch("false")
    assert_error(api.post(PATH, {}), 400, "visitorId must be a string")


def test_the_first_reason_to_drop_is_reported(api, monkeypatch):
    body = {"visitorId": "vis-abc", "bioPageId": BIO_PAGE}
    fail_writes(monkeypatch)
    switch("false")
    assert (
        api.post(PATH, body, HTTP_USER_AGENT="curl/8.0").headers.items()
        >= dropped_header("kill_switch").items()
    )
    switch("true")
    assert (
        api.post(PATH, body, HTTP_USER_AGENT="curl/8.0").headers.items()
        >= dropped_header("bot").items()
    )
    assert api.post(PATH, body).headers.items() >= dropped_header("no_consent").items()
    body["consentAnalytics"] = "granted"
    assert api.post(PATH, body).headers.items() >= dropped_header("unverified").items()
    del body["bioPageId"]
    assert api.post(PATH, body).headers.items() >= dropped_header("write_failed").items()


# Counting


def test_every_way_out_is_counted_by_its_name(api, monkeypatch):
    def counts():
        reasons = ("kill_switch", "bot", "no_consent", "unverified", "write_failed")
        return [
            ingested_total("stored"),
            ingested_total("rejected"),
            *(ingested_total("dropped", reason) for reason in reasons),
        ]

    before = counts()
    api.post(PATH, session_of())
    api.post(PATH, {})
    api.post(PATH, session_of(), HTTP_USER_AGENT="curl/8.0")
    api.post(PATH, {"visitorId": "vis-abc"})
    api.post(PATH, session_of(bioPageId=BIO_PAGE))
    fail_writes(monkeypatch)
    api.post(PATH, session_of())
    switch("false")
    api.post(PATH, session_of())
    assert [after - then for after, then in zip(counts(), before, strict=True)] == [1] * 7
