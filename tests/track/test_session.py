"""POST /api/v1/analytics/session"""

import json
import logging
from datetime import timedelta

import pytest
from django.db import OperationalError, connections

from analytics.ingest import commit
from analytics.sessions import visitors
from analytics.sessions.models import Session
from config.api.client_address import parse_networks
from config.db import uuid7
from tests.support.geoip import (
    city_record,
    write_places,
)
from tests.support.responses import (
    assert_answer,
    bearer,
)
from tests.support.sessions import (
    AT,
    AT_MS,
    BIO_PAGE,
    IPHONE,
    NO_ID,
    SECRET,
    TOKEN,
    TOO_LONG,
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
from tests.support.sessions import SESSION as PATH

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

LINUX = "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0"
TEXTS = [
    *("consentAnalytics", "trackingToken", "referrer", "landingPage", "device", "browser", "os"),
    *("osVersion", "timezone", "language"),
    *("utmSource", "utmMedium", "utmCampaign", "utmTerm", "utmContent"),
]
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
FULL = {
    "referrer": "https://www.instagram.com/p/x",
    "landingPage": "/johndoe?utm_source=ig",
    "device": "phone",
    "browser": "Their Browser",
    "os": "Their OS",
    "osVersion": "1.2",
    "timezone": "Europe/Istanbul",
    "language": "tr-TR",
    "utmSource": "ig",
    "utmMedium": "social",
    "utmCampaign": "spring",
    "utmTerm": "shoes",
    "utmContent": "story 😀",
    "screenWidth": 0,
    "screenHeight": 100_000,
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
def clock(monkeypatch):
    """Hold the server's clock at AT."""
    monkeypatch.setattr(uuid7, "now_ms", lambda: AT_MS)


def post(api, body, user_agent=None, **more):
    headers = {"User-Agent": user_agent} if user_agent is not None else {}
    return send(api, body, PATH, headers=headers, **more)


def stored():
    """Return the rows of all sessions, each a value for every column."""
    return list(Session.objects.newest_first().values())


def row(id, at=AT, **columns):
    """Return the row of a session that began just now."""
    return BARE_ROW | {"id": id, "created_at": at, "last_active_at": at} | columns


# What is stored


def test_a_session_is_stored_with_no_more_than_a_visitor(api, clock):
    id = assert_stored(post(api, session_of()))
    assert stored() == [row(id)]
    assert uuid7.ms_of(id) == AT_MS


def test_a_session_is_stored_with_all_that_the_page_knows(api, clock):
    id = assert_stored(post(api, session_of(**FULL)))
    told = {COLUMNS[name]: value for name, value in FULL.items()}
    assert stored() == [row(id, **told, referrer_domain="instagram.com")]


def test_null_is_the_same_as_nothing(api, clock):
    nothing = dict.fromkeys(["bioPageId", "trackingToken", *COLUMNS])
    id = assert_stored(post(api, session_of(**nothing)))
    assert stored() == [row(id)]


def test_the_example_of_the_contract(api, clock):
    body = session_of(
        bioPageId=BIO_PAGE.upper(),
        trackingToken=TOKEN,
        referrer="https://www.instagram.com/p/x",
        timezone="Europe/Istanbul",
    )
    response = api.generic(
        "POST",
        PATH,
        json.dumps(body).encode(),
        "text/plain;charset=UTF-8",
        headers={"User-Agent": IPHONE},
    )
    id = assert_stored(response)
    [session] = stored()
    assert str(session.pop("bio_page_id")) == BIO_PAGE
    expected = row(
        id,
        referrer="https://www.instagram.com/p/x",
        referrer_domain="instagram.com",
        timezone="Europe/Istanbul",
        device="mobile",
        browser="Mobile Safari",
        os="iOS",
        os_version="17.2",
    )
    del expected["bio_page_id"]
    assert session == expected


def test_the_time_is_that_of_the_request(api):
    before = uuid7.now_ms()
    id = assert_stored(post(api, session_of()))
    [session] = stored()
    assert before <= uuid7.ms_of(id) <= uuid7.now_ms()
    assert session["created_at"] == session["last_active_at"] == uuid7.time_of(id)


@pytest.mark.parametrize(
    ("field", "kept"),
    [
        ("referrer", 2048),
        ("landingPage", 2048),
        *((name, 255) for name in TEXTS[4:]),
    ],
)
@pytest.mark.parametrize("letter", ["x", "é", "😀"])
def test_long_texts_are_cut(api, field, kept, letter):
    for length in (kept, kept + 1, 10_000):
        assert_stored(post(api, session_of(**{field: letter * length})))
    assert {session[COLUMNS[field]] for session in stored()} == {letter * kept}
    assert len(stored()) == 3


def test_an_empty_text_is_a_text(api, clock):
    empty = dict.fromkeys(TEXTS[2:], "")
    id = assert_stored(post(api, session_of(visitorId="", **empty)))
    [session] = stored()
    hash_of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    told = {COLUMNS[name]: "" for name in empty}
    assert session == row(id, visitor_hash=hash_of_nothing, **told)


@pytest.mark.parametrize(
    "text", ["😀\u200f\uffff\u2028", "\\u0000", "\\N", "\t\n\r", "' OR 1=1 --"]
)
def test_strange_texts_are_stored_as_they_are(api, text):
    assert_stored(post(api, session_of(visitorId=text, utmTerm=text, landingPage=text)))
    [session] = stored()
    assert (session["utm_term"], session["landing_page"]) == (text, text)


@pytest.mark.parametrize(
    ("referrer", "domain", "kept"),
    [
        ("not a url", "direct", 9),
        ("http://[", "direct", 8),
        ("x" * 10_000, "direct", 2048),
        ("https://WWW.Example.com/" + "x" * 10_000, "example.com", 2048),
    ],
)
def test_any_referrer_is_stored(api, referrer, domain, kept):
    assert_stored(post(api, session_of(referrer=referrer)))
    [session] = stored()
    assert (session["referrer"], session["referrer_domain"]) == (referrer[:kept], domain)


def test_whole_numbers_may_be_written_with_a_fraction_of_nothing(api):
    assert_stored(post(api, session_of(screenWidth=1280.0)))
    assert stored()[0]["screen_width"] == 1280


@pytest.mark.parametrize("name", ["user_id", "userId", "country", "pageViews", "id"])
def test_what_the_server_adds_cannot_be_sent(api, clock, name):
    id = assert_stored(post(api, session_of(**{name: BIO_PAGE})))
    assert stored() == [row(id)]


def test_a_token_of_an_account_has_no_effect(api, clock):
    id = assert_stored(send(api, session_of(), PATH, headers=bearer("nonsense")))
    assert stored() == [row(id)]


# What the server adds


def test_the_user_agent_wins_over_the_page(api):
    assert_stored(post(api, session_of(**FULL), IPHONE))
    [session] = stored()
    told = [session[name] for name in ("device", "browser", "os", "os_version")]
    assert told == ["mobile", "Mobile Safari", "iOS", "17.2"]


def test_the_page_says_what_the_user_agent_does_not(api):
    assert_stored(post(api, session_of(**FULL), LINUX))
    assert_stored(post(api, session_of(**FULL), "something else"))
    told = [[each[name] for name in ("device", "browser", "os", "os_version")] for each in stored()]
    assert sorted(told) == [
        ["desktop", "Firefox", "Linux", "1.2"],
        ["desktop", "Their Browser", "Their OS", "1.2"],
    ]


@pytest.mark.parametrize("user_agent", ["", None])
def test_without_a_user_agent_the_page_is_believed(api, user_agent):
    assert_stored(post(api, session_of(device="tv"), user_agent))
    [session] = stored()
    assert (session["device"], session["browser"]) == ("tv", None)


@pytest.mark.parametrize("user_agent", ["\xff\xfe", "x" * 60_000, "Firefox/" + "9" * 3000])
def test_any_user_agent_is_survived(api, user_agent):
    assert_stored(post(api, session_of(), user_agent))
    assert stored()[0]["device"] == "desktop"


@pytest.fixture
def places(settings, tmp_path):
    """Let the service know where 198.51.100.0/24 is."""
    record = city_record("Turkey", "Istanbul")
    settings.GEOIP_DATABASE = write_places(tmp_path / "x.mmdb", {"198.51.100.0/24": record})
    yield
    visitors.places.cache_clear()


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize(
    ("peer", "country", "city"),
    [
        ("198.51.100.7", "Turkey", "Istanbul"),
        ("::ffff:198.51.100.7", "Turkey", "Istanbul"),
        ("192.0.2.7", None, None),
        ("2001:db8::7", None, None),
        ("", None, None),
    ],
)
def test_the_address_is_kept_only_as_a_place(api, caplog, peer, country, city):
    with caplog.at_level(logging.DEBUG):
        assert_stored(post(api, session_of(), REMOTE_ADDR=peer))
    [session] = stored()
    assert (session["country"], session["city"]) == (country, city)
    assert not peer or peer not in str(session) + caplog.text


@pytest.mark.usefixtures("places")
def test_the_place_is_that_of_the_client_behind_a_proxy(api, settings):
    forwarded = {"X-Forwarded-For": "198.51.100.7"}
    assert_stored(send(api, session_of(), PATH, headers=forwarded))
    settings.TRUSTED_PROXIES = parse_networks(["127.0.0.1"])
    assert_stored(send(api, session_of(), PATH, headers=forwarded))
    assert [session["country"] for session in stored()] == ["Turkey", None]


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
def test_a_page_without_its_token_is_unverified(api, clock, token):
    response = post(api, session_of(bioPageId=BIO_PAGE, **token))
    assert_answer(response, 200, NO_ID, dropped("unverified"))
    assert stored() == []


def test_a_token_of_another_page_is_unverified(api, clock):
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
def test_a_token_grows_old(api, monkeypatch, age, is_stored):
    monkeypatch.setattr(uuid7, "now_ms", lambda: uuid7.to_ms(AT + age))
    response = post(api, session_of(bioPageId=BIO_PAGE, trackingToken=TOKEN))
    if is_stored:
        assert_stored(response)
    else:
        assert_answer(response, 200, NO_ID, dropped("unverified"))
    assert len(stored()) == is_stored


def test_without_a_secret_every_page_is_unverified(api, clock, settings):
    settings.TRACKING_HMAC_SECRET = ""
    response = post(api, session_of(bioPageId=BIO_PAGE, trackingToken=TOKEN))
    assert_answer(response, 200, NO_ID, dropped("unverified"))
    assert_stored(post(api, session_of()))


def test_a_token_alone_is_not_read(api, clock):
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


# Fields


@pytest.mark.parametrize(
    ("change", "details"),
    [
        ({"visitorId": None}, ["visitorId must be a string"]),
        ({"visitorId": 5}, ["visitorId must be a string"]),
        ({"visitorId": ["a"]}, ["visitorId must be a string"]),
        *(({name: 5}, [f"{name} must be a string"]) for name in TEXTS),
        *(({name: {}}, [f"{name} must be a string"]) for name in TEXTS),
        ({"consentAnalytics": True}, ["consentAnalytics must be a string"]),
        ({"bioPageId": "zz"}, ["bioPageId must be a UUID"]),
        ({"bioPageId": ""}, ["bioPageId must be a UUID"]),
        ({"bioPageId": 5}, ["bioPageId must be a UUID"]),
        ({"bioPageId": BIO_PAGE.replace("-", "")}, ["bioPageId must be a UUID"]),
        ({"bioPageId": f"{{{BIO_PAGE}}}"}, ["bioPageId must be a UUID"]),
        ({"bioPageId": f"{BIO_PAGE}\n"}, ["bioPageId must be a UUID"]),
        ({"screenWidth": 1.5}, ["screenWidth must be an integer number"]),
        ({"screenWidth": "5"}, ["screenWidth must be an integer number"]),
        ({"screenWidth": True}, ["screenWidth must be an integer number"]),
        ({"screenWidth": 1e300}, ["screenWidth must not be greater than 100000"]),
        ({"screenWidth": 10_000_000_000}, ["screenWidth must not be greater than 100000"]),
        ({"screenWidth": 10**400}, ["screenWidth must not be greater than 100000"]),
        ({"screenHeight": 100_001}, ["screenHeight must not be greater than 100000"]),
        ({"screenHeight": -1}, ["screenHeight must not be less than 0"]),
        (
            {"screenHeight": [], "os": 5, "bioPageId": 5, "visitorId": False},
            [
                "visitorId must be a string",
                "bioPageId must be a UUID",
                "os must be a string",
                "screenHeight must be an integer number",
            ],
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_each_failing_field_is_told(api, change, details):
    assert_error(post(api, session_of(**change)), 400, *details)
    assert stored() == []


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_an_empty_body_lacks_the_visitor(api, body):
    response = api.generic("POST", PATH, body, "application/json")
    assert_error(response, 400, "visitorId must be a string")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"[1]", "body must be an object"),
        (b"null", "body must be an object"),
        (b" ", "Invalid JSON"),
        (b'{"visitorId": ', "Invalid JSON"),
        (b'{"visitorId": "\xff"}', "Invalid UTF-8"),
        (b'{"visitorId": NaN}', "Numbers must be finite and in range"),
        (rb'{"visitorId": "a\u0000"}', "NUL characters are not allowed"),
        (rb'{"visitorId": "\ud800"}', "Lone surrogates are not allowed"),
        (b"[" * 100_000, "JSON must not be nested deeper than 64 levels"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_json_problems_are_told(api, body, detail):
    assert_error(api.generic("POST", PATH, body, "application/json"), 400, detail)
    assert stored() == []


# Methods, types, sizes


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_another_method_is_refused(api, method):
    body = json.dumps(session_of()).encode()
    response = api.generic(method, PATH, body, "application/json")
    assert_error(response, 405, headers={"Allow": "POST"})
    assert stored() == []


def test_another_path_is_unknown(api):
    assert_error(send(api, session_of(), f"{PATH}/"), 404)
    assert_error(send(api, session_of(), f"{PATH}s"), 404)


@pytest.mark.parametrize("content_type", ["", "application/json; charset=latin1", "TEXT/plain"])
def test_json_is_read_under_these_types(api, content_type):
    body = json.dumps(session_of(utmTerm="Köln"), ensure_ascii=False).encode()
    assert_stored(api.generic("POST", PATH, b"\xef\xbb\xbf" + body, content_type))
    assert stored()[0]["utm_term"] == "Köln"


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("application/x-www-form-urlencoded", "identity"),
        ("multipart/form-data; boundary=x", "identity"),
        ("text/html", "identity"),
        ("application/json", "gzip"),
        ("text/plain", "br"),
    ],
)
def test_another_type_or_encoding_is_not_read(api, content_type, encoding):
    body = json.dumps(session_of()).encode()
    headers = {"Content-Encoding": encoding}
    assert_error(api.generic("POST", PATH, body, content_type, headers=headers), 415)
    assert stored() == []


def test_a_body_over_the_limit_is_refused(api):
    assert_error(api.generic("POST", PATH, b"x" * TOO_LONG, "text/html"), 413)


# How often


@pytest.mark.usefixtures("still_clock")
def test_the_eleventh_of_a_minute_is_refused_whatever_became_of_the_others(api):
    for body in ({}, session_of(visitorId=5), {"visitorId": "x"}, *[session_of()] * 7):
        assert post(api, body).status_code in (200, 400)
    response = post(api, session_of())
    assert 1 <= int(response["Retry-After"]) <= 60
    assert_rate_limited(response, int(response["Retry-After"]))
    assert len(stored()) == 7
    assert_stored(post(api, session_of(), REMOTE_ADDR="192.0.2.7"))


@pytest.mark.usefixtures("still_clock")
def test_methods_that_are_refused_use_up_no_budget(api):
    for _ in range(11):
        assert api.get(PATH).status_code == 405
    assert_stored(post(api, session_of()))


@pytest.mark.usefixtures("still_clock")
def test_the_limit_comes_before_the_size_of_the_body(api, settings):
    settings.RATE_SESSION = "1/m"
    assert_error(api.generic("POST", PATH, b"x" * TOO_LONG, "text/html"), 413)
    assert api.generic("POST", PATH, b"x" * TOO_LONG, "text/html").status_code == 429


# When storage fails


def test_a_failed_write_looks_like_a_dropped_session(api, monkeypatch, caplog):
    take_storage_away(monkeypatch)
    with caplog.at_level(logging.WARNING):
        response = post(api, session_of())
    assert_answer(response, 200, NO_ID, dropped("write_failed"))
    assert caplog.messages[-1] == "Event not stored: StorageUnavailable"
    monkeypatch.undo()
    assert stored() == []


def test_a_row_that_the_database_refuses_looks_the_same(api):
    with connections["analytics"].cursor() as cursor:
        cursor.execute("ALTER TABLE analytics_session ADD CHECK (os <> 'refused') NOT VALID")
    response = post(api, session_of(os="refused"))
    assert_answer(response, 200, NO_ID, dropped("write_failed"))
    assert_stored(post(api, session_of(os="accepted")))
    assert [session["os"] for session in stored()] == ["accepted"]


def test_sessions_need_no_main_database(api, main_database_away):
    assert_stored(post(api, session_of()))


def test_a_crash_is_told_without_its_reason(api, monkeypatch):
    def crash(*args):
        raise RuntimeError("a secret")

    monkeypatch.setattr("analytics.sessions.ingest.session_row", crash)
    assert_error(post(api, session_of()), 500)


@pytest.mark.django_db(databases=["default", "analytics"], transaction=True)
def test_the_writers_own_thread_tells_of_its_failure(api, monkeypatch):
    def refuse(rows):
        raise OperationalError("the analytics database is away")

    monkeypatch.setattr(commit, "copy_rows", refuse)
    assert_answer(post(api, session_of()), 200, NO_ID, dropped("write_failed"))
    monkeypatch.undo()
    assert_stored(post(api, session_of()))
    assert len(stored()) == 1


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
