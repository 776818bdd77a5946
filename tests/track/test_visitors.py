"""What a request tells of its visitor."""

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from analytics.sessions import visitors
from analytics.sessions.visitors import Place
from tests.support.geoip import city_record, write_places

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.2 Mobile/15E148 Safari/604.1"
)
IPAD = IPHONE.replace("iPhone; CPU iPhone", "iPad; CPU")
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36"
PIXEL = f"Mozilla/5.0 (Linux; Android 13; Pixel 7) {CHROME} Mobile Safari/537.36"
GALAXY_TAB = f"Mozilla/5.0 (Linux; Android 13; SM-X700) {CHROME} Safari/537.36"
FIREFOX_TABLET = "Mozilla/5.0 (Android 14; Tablet; rv:121.0) Gecko/121.0 Firefox/121.0"
MAC = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.2 Safari/605.1.15"
)
LINUX = "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0"
TELEVISION = f"Mozilla/5.0 (Linux; Android 9; BRAVIA 4K UR2) {CHROME} Safari/537.36"
OLD_WINDOWS = (
    "Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; Trident/5.0; Tablet PC 2.0; InfoPath.3)"
)


# Crawlers


@pytest.mark.parametrize(
    "user_agent",
    [
        "Googlebot/2.1",
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "BOT",
        "CrawlerX",
        "Baiduspider",
        "Mozilla/5.0 (compatible; Yahoo! Slurp)",
        "facebookexternalhit/1.1",
        f"{WINDOWS} HeadlessChrome/120",
        "Chrome-Lighthouse",
        "curl/8.0",
        "Wget/1.21",
        "python-requests/2.31",
        "Mozilla/5.0 Link-Preview",
        "x" * 60_000 + "bot",
    ],
)
def test_crawlers_are_known_by_a_word_in_any_case(user_agent):
    assert visitors.is_bot(user_agent)


@pytest.mark.parametrize(
    "user_agent", ["", IPHONE, IPAD, WINDOWS, PIXEL, MAC, LINUX, "python requests", "previe"]
)
def test_browsers_are_no_crawlers(user_agent):
    assert not visitors.is_bot(user_agent)


# Visitors


def test_the_mark_of_a_visitor_is_sha_256():
    expected = "1a0b9e021eb73e144a8bf35be02497aa32b210abd7f9d18465b470f90bab16e3"
    assert visitors.hash_visitor_id("vis-abc") == expected
    assert len(visitors.hash_visitor_id("😀" * 1000)) == 64


# Places


@pytest.fixture
def use_places(settings, tmp_path):
    """Write a place database and let the service use it."""

    def use(records, **options):
        settings.GEOIP_DATABASE = write_places(tmp_path / "places.mmdb", records, **options)

    return use


ISTANBUL = city_record("Turkey", "Istanbul")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("198.51.100.7", Place("Turkey", "Istanbul")),
        ("2001:db8::7", Place("Germany", None)),
        ("203.0.113.9", Place()),
        ("192.0.2.1", Place()),
        ("unknown", Place()),
        ("", Place()),
    ],
)
def test_an_address_has_a_country_and_a_city(use_places, address, expected):
    use_places(
        {
            "198.51.100.0/24": ISTANBUL,
            "2001:db8::/32": city_record("Germany"),
            "192.0.2.0/24": {"country": "a text", "city": ["x"]},
        }
    )
    assert visitors.place_of(address) == expected


def test_a_database_of_ipv4_knows_no_ipv6_address(use_places):
    use_places({"198.51.100.0/24": ISTANBUL}, ip_version=4)
    assert visitors.place_of("198.51.100.7") == Place("Turkey", "Istanbul")
    assert visitors.place_of("2001:db8::7") == Place()


def test_without_a_database_no_place_is_known():
    assert visitors.place_of("198.51.100.7") == Place()
    assert run_checks() == []


def test_a_good_database_passes_the_check(use_places):
    use_places({"198.51.100.0/24": ISTANBUL})
    assert run_checks() == []


@pytest.mark.parametrize("content", [None, b"", b"no database", b"\xab\xcd\xefMaxMind.com\xff\xff"])
def test_a_bad_database_stops_the_start_with_a_sentence(settings, tmp_path, content):
    path = tmp_path / "places.mmdb"
    if content is not None:
        path.write_bytes(content)
    settings.GEOIP_DATABASE = str(path)
    with pytest.raises(SystemCheckError) as stopped:
        call_command("check")
    sentence = f"GEOIP_DATABASE is no readable place database: {path}"
    assert f"(analytics.E001) {sentence}" in str(stopped.value)


def test_a_directory_is_no_database(settings, tmp_path):
    settings.GEOIP_DATABASE = str(tmp_path)
    [error] = run_checks()
    assert error.id == "analytics.E001"


def test_a_database_that_is_spoilt_breaks_no_request(settings, tmp_path):
    path = tmp_path / "places.mmdb"
    write_places(path, {"198.51.100.0/24": ISTANBUL})
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"Istanbul", b"\xff" * 8))
    settings.GEOIP_DATABASE = str(path)
    assert visitors.place_of("198.51.100.7") == Place()
