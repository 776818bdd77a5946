"""Hashes and places of visitors"""

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from analytics.sessions import visitors
from analytics.sessions.visitors import Place
from tests.support.geoip import city_record, write_places

# Visitors


def test_the_hash_of_a_visitor_is_sha_256():
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


ISTANBUL = city_record("Turkey", "Istanbul", code="TR")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("198.51.100.7", Place("Turkey", "Istanbul", country_code="TR")),
        ("2001:db8::7", Place("Germany", country_code="XX")),
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


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (city_record("Germany", "Munich", code="de", region="Bavaria"), ("DE", "Bavaria")),
        (city_record("Nowhere", code="X1"), (None, None)),
        (city_record("Nowhere", code="DEU"), (None, None)),
        (city_record("Nowhere", code=""), (None, None)),
        ({"country": {"iso_code": ["DE"]}, "subdivisions": []}, (None, None)),
        ({"country": {"iso_code": "DE"}, "subdivisions": ["BY"]}, ("DE", None)),
        ({"country": {"iso_code": "DE"}, "subdivisions": {"names": "x"}}, ("DE", None)),
        ({"subdivisions": [{"names": {"en": "x" * 20}}]}, (None, "x" * 20)),
    ],
)
def test_an_address_has_a_code_of_its_country_and_a_region(use_places, record, expected):
    use_places({"198.51.100.0/24": record})
    place = visitors.place_of("198.51.100.7")
    assert (place.country_code, place.region) == expected


def test_a_database_of_ipv4_knows_no_ipv6_address(use_places):
    use_places({"198.51.100.0/24": ISTANBUL}, ip_version=4)
    assert visitors.place_of("198.51.100.7") == Place("Turkey", "Istanbul", country_code="TR")
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
