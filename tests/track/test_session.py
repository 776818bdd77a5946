"""POST /api/v1/analytics/session: what is stored"""

import json
import logging

import pytest

from analytics.sessions.models import Session
from config.api.client_address import parse_networks
from config.db import uuid7
from tests.support.geoip import (
    city_record,
    write_places,
)
from tests.support.sessions import (
    AT,
    AT_MS,
    BIO_PAGE,
    IPHONE,
    SECRET,
    TOKEN,
    assert_stored,
    session_of,
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


# What is stored


def test_a_session_is_stored_with_no_more_than_a_visitor(api, now):
    id = assert_stored(post(api, session_of()))
    assert stored() == [row(id)]
    assert uuid7.ms_of(id) == AT_MS


def test_a_session_is_stored_with_all_that_the_page_knows(api, now):
    id = assert_stored(post(api, session_of(**FULL)))
    told = {COLUMNS[name]: value for name, value in FULL.items()}
    assert stored() == [row(id, **told, referrer_domain="instagram.com")]


def test_null_is_the_same_as_nothing(api, now):
    nothing = dict.fromkeys(["bioPageId", "trackingToken", *COLUMNS])
    id = assert_stored(post(api, session_of(**nothing)))
    assert stored() == [row(id)]


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


def test_an_empty_text_is_a_text(api, now):
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
def test_what_the_server_adds_cannot_be_sent(api, now, name):
    id = assert_stored(post(api, session_of(**{name: BIO_PAGE})))
    assert stored() == [row(id)]


def test_a_token_of_an_account_has_no_effect(api, now):
    id = assert_stored(api.post(PATH, session_of(), token="nonsense"))
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
    assert_stored(api.post(PATH, session_of(), headers=forwarded))
    settings.TRUSTED_PROXIES = parse_networks(["127.0.0.1"])
    assert_stored(api.post(PATH, session_of(), headers=forwarded))
    assert [session["country"] for session in stored()] == ["Turkey", None]
