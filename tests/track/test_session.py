"""POST /api/v1/analytics/session: what is stored"""

import json
import logging

import pytest

from config.api.addresses import parse_networks
from config.db import uuid7
from tests.support.geoip import city_record, write_places
from tests.support.session_rows import COLUMNS, session_row, stored_sessions
from tests.support.sessions import AT_MS, BIO_PAGE, IPHONE, SECRET, TOKEN, assert_stored, session_of
from tests.support.sessions import SESSION as PATH

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

LINUX = "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0"
TEXTS = [
    *("consentAnalytics", "trackingToken", "referrer", "landingPage", "device", "browser", "os"),
    *("osVersion", "timezone", "language"),
    *("utmSource", "utmMedium", "utmCampaign", "utmTerm", "utmContent"),
]
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


@pytest.fixture(autouse=True)
def _secret(settings):
    settings.TRACKING_HMAC_SECRET = SECRET


# What is stored


def test_a_session_is_stored_with_no_more_than_a_visitor(api, now):
    id = assert_stored(api.post(PATH, session_of()))
    assert stored_sessions() == [session_row(id)]
    assert uuid7.ms_of(id) == AT_MS


def test_a_session_is_stored_with_all_that_the_page_knows(api, now):
    id = assert_stored(api.post(PATH, session_of(**FULL)))
    result = {COLUMNS[name]: value for name, value in FULL.items()}
    assert stored_sessions() == [session_row(id, **result, referrer_domain="instagram.com")]


def test_null_is_the_same_as_missing(api, now):
    nothing = dict.fromkeys(["bioPageId", "trackingToken", *COLUMNS])
    id = assert_stored(api.post(PATH, session_of(**nothing)))
    assert stored_sessions() == [session_row(id)]


def test_the_example_of_the_contract(api, now):
    body = session_of(
        bioPageId=BIO_PAGE.upper(),
        trackingToken=TOKEN,
        referrer="https://www.instagram.com/p/x",
        timezone="Europe/Istanbul",
    )
    response = api.post_bytes(
        PATH,
        json.dumps(body).encode(),
        "text/plain;charset=UTF-8",
        headers={"User-Agent": IPHONE},
    )
    id = assert_stored(response)
    [session] = stored_sessions()
    assert str(session.pop("bio_page_id")) == BIO_PAGE
    expected = session_row(
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
    id = assert_stored(api.post(PATH, session_of()))
    [session] = stored_sessions()
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
        assert_stored(api.post(PATH, session_of(**{field: letter * length})))
    assert {session[COLUMNS[field]] for session in stored_sessions()} == {letter * kept}
    assert len(stored_sessions()) == 3


def test_an_empty_text_is_a_text(api, now):
    empty = dict.fromkeys(TEXTS[2:], "")
    id = assert_stored(api.post(PATH, session_of(**empty)))
    [session] = stored_sessions()
    result = {COLUMNS[name]: "" for name in empty}
    assert session == session_row(id, **result)


@pytest.mark.parametrize(
    "text", ["😀\u200f\uffff\u2028", "\\u0000", "\\N", "\t\n\r", "' OR 1=1 --"]
)
def test_strange_texts_are_stored_as_they_are(api, text):
    assert_stored(api.post(PATH, session_of(visitorId=text, utmTerm=text, landingPage=text)))
    [session] = stored_sessions()
    assert (session["utm_term"], session["landing_page"]) == (text, text)


@pytest.mark.parametrize(
    ("referrer", "domain", "kept"),
    [
        ("not a url", "direct", 9),
        ("http://[", "direct", 8),
        ("x" * 10_000, "direct", 2048),
        ("https://WWW.Example.com/" + "x" * 10_000, "example.com", 2048),
        ("https://example.com./", "example.com", 21),
        ("https://xn--mnchen-3ya.example/", "münchen.example", 31),
        ("https://www.com/", "www.com", 16),
    ],
)
def test_any_referrer_is_stored(api, referrer, domain, kept):
    assert_stored(api.post(PATH, session_of(referrer=referrer)))
    [session] = stored_sessions()
    assert (session["referrer"], session["referrer_domain"]) == (referrer[:kept], domain)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (1280.0, 1280),
        (1.4999999999999998, 1),
        (0.49999999999999994, 0),
        (1.5, 2),
        (2.5, 3),
        (-0.5, 0),
        (-1, 0),
        (-(10**400), 0),
        (99_999.5, 100_000),
        (100_000.4, 100_000),
        (10_000_000_000, 100_000),
        (1e300, 100_000),
        (10**400, 100_000),
    ],
    ids=lambda value: str(value)[:20],
)
def test_sizes_of_screens_are_rounded_and_brought_into_their_range(api, sent, stored):
    assert_stored(api.post(PATH, session_of(screenWidth=sent, screenHeight=sent)))
    [session] = stored_sessions()
    assert (session["screen_width"], session["screen_height"]) == (stored, stored)


@pytest.mark.parametrize("name", ["user_id", "userId", "country", "pageViews", "id"])
def test_what_the_server_adds_cannot_be_sent(api, now, name):
    id = assert_stored(api.post(PATH, session_of(**{name: BIO_PAGE})))
    assert stored_sessions() == [session_row(id)]


def test_a_token_of_an_account_has_no_effect(api, now):
    id = assert_stored(api.post(PATH, session_of(), token="nonsense"))
    assert stored_sessions() == [session_row(id)]


# What the server adds


def test_the_user_agent_wins_over_the_page(api):
    assert_stored(api.post(PATH, session_of(**FULL), HTTP_USER_AGENT=IPHONE))
    [session] = stored_sessions()
    result = [session[name] for name in ("device", "browser", "os", "os_version")]
    assert result == ["mobile", "Mobile Safari", "iOS", "17.2"]


def test_the_page_fills_in_what_the_user_agent_lacks(api):
    assert_stored(api.post(PATH, session_of(**FULL), HTTP_USER_AGENT=LINUX))
    [session] = stored_sessions()
    result = [session[name] for name in ("device", "browser", "os", "os_version")]
    assert result == ["desktop", "Firefox", "Linux", "1.2"]


@pytest.mark.parametrize("user_agent", ["okhttp/4.12.0", "Dart/3.9 (dart:io)", "something else"])
def test_a_library_of_an_app_does_not_overrule_what_the_app_says(api, user_agent):
    assert_stored(api.post(PATH, session_of(**FULL), HTTP_USER_AGENT=user_agent))
    [session] = stored_sessions()
    names = ("device", "browser", "os", "osVersion")
    assert [session[COLUMNS[name]] for name in names] == [FULL[name] for name in names]


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        (
            "Shop%20App/1 CFNetwork/3826.600.41 Darwin/24.6.0",
            ["mobile", "Shop App", "iOS", "18"],
        ),
        ("%00/1 CFNetwork/1410.1 Darwin/22.6.0", ["mobile", "%00", "iOS", "16"]),
        ("Dalvik/2.1.0 (Linux; U; Android 15; Pixel 9)", ["mobile", None, "Android", "15"]),
        ("[FBAN/FB4A;FBAV/536.0;FBSV/15;]", ["mobile", "Facebook", "Android", "15"]),
    ],
)
def test_apps_of_telephones_are_mobile(api, user_agent, expected):
    assert_stored(api.post(PATH, session_of(), HTTP_USER_AGENT=user_agent))
    [session] = stored_sessions()
    assert [session[name] for name in ("device", "browser", "os", "os_version")] == expected


@pytest.mark.parametrize("user_agent", ["", None])
def test_without_a_user_agent_the_page_is_believed(api, user_agent):
    headers = {} if user_agent is None else {"User-Agent": user_agent}
    assert_stored(api.post(PATH, session_of(device="tv"), headers=headers))
    [session] = stored_sessions()
    assert (session["device"], session["browser"]) == ("tv", None)


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        ("\xff\xfe", None),
        ("x" * 60_000, None),
        ("Mozilla/5.0 (X11; Linux) Firefox/" + "9" * 3000, "desktop"),
    ],
)
def test_any_user_agent_is_accepted(api, user_agent, device):
    assert_stored(api.post(PATH, session_of(), HTTP_USER_AGENT=user_agent))
    assert stored_sessions()[0]["device"] == device


@pytest.fixture
def places(settings, tmp_path):
    """Let the service know where 198.51.100.0/24 is."""
    record = city_record("Turkey", "Istanbul")
    settings.GEOIP_DATABASE = write_places(tmp_path / "x.mmdb", {"198.51.100.0/24": record})


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
def test_the_address_is_stored_only_as_a_place(api, caplog, peer, country, city):
    with caplog.at_level(logging.DEBUG):
        assert_stored(api.post(PATH, session_of(), REMOTE_ADDR=peer))
    [session] = stored_sessions()
    assert (session["country"], session["city"]) == (country, city)
    assert not peer or peer not in str(session) + caplog.text


@pytest.mark.usefixtures("places")
def test_the_place_is_that_of_the_client_behind_a_proxy(api, settings):
    forwarded = {"X-Forwarded-For": "198.51.100.7"}
    assert_stored(api.post(PATH, session_of(), headers=forwarded))
    settings.TRUSTED_PROXIES = parse_networks(["127.0.0.1"])
    assert_stored(api.post(PATH, session_of(), headers=forwarded))
    assert [session["country"] for session in stored_sessions()] == ["Turkey", None]
