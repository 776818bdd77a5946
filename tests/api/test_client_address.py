"""Client addresses behind trusted proxies, and their networks for rate limits"""

import pytest
from django.test import RequestFactory

from config.api.addresses import parse_networks, rate_key
from config.api.client_address import client_address, drop_untrusted_forwarding


@pytest.fixture(autouse=True)
def _proxies(settings):
    settings.TRUSTED_PROXIES = parse_networks(["10.0.0.0/8", "192.0.2.1", "2001:db8:ffff::/48"])


def address(peer, forwarded=None, cloudflare=None):
    headers = {"X-Forwarded-For": forwarded, "CF-Connecting-IP": cloudflare}
    sent = {name: value for name, value in headers.items() if value is not None}
    return client_address(RequestFactory().get("/", headers=sent, REMOTE_ADDR=peer))


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("10.0.0.1", "10.0.0.1"),
        ("", "unknown"),
    ],
)
def test_the_address_of_the_socket_in_canonical_form(peer, expected):
    assert address(peer) == expected


@pytest.mark.parametrize("peer", ["198.51.100.7", "192.0.2.2", "2001:db8:fffe::1"])
def test_headers_of_untrusted_clients_are_ignored(peer):
    assert address(peer, forwarded="203.0.113.9", cloudflare="203.0.113.8") == peer


@pytest.mark.parametrize("peer", ["10.1.2.3", "192.0.2.1", "::ffff:10.1.2.3", "2001:db8:ffff:1::1"])
def test_headers_of_trusted_proxies_count(peer):
    assert address(peer, forwarded="203.0.113.9") == "203.0.113.9"


def test_one_header_names_the_client_and_no_other(settings):
    both = {"forwarded": "203.0.113.9", "cloudflare": "203.0.113.8"}
    assert address("10.0.0.1", **both) == "203.0.113.9"
    assert address("10.0.0.1", cloudflare="203.0.113.8") == "10.0.0.1"
    settings.CLIENT_ADDRESS_HEADER = "CF-Connecting-IP"
    assert address("10.0.0.1", **both) == "203.0.113.8"
    assert address("10.0.0.1", forwarded="203.0.113.9") == "10.0.0.1"
    assert address("10.0.0.1", cloudflare="nonsense") == "10.0.0.1"
    assert address("198.51.100.7", **both) == "198.51.100.7"


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("203.0.113.9, 198.51.100.7, 10.9.9.9", "198.51.100.7"),
        ("198.51.100.7,10.9.9.9,192.0.2.1", "198.51.100.7"),
        ("198.51.100.7:4711", "198.51.100.7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("fe80::7%eth0", "fe80::7"),
        ("[fe80::7%25eth0]:4711", "fe80::7"),
        ("198.51.100.7%eth0", "10.0.0.1"),
        ("198.51.100.7" + "0" * 60_000, "10.0.0.1"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("10.9.9.9, 10.8.8.8", "10.0.0.1"),
        ("", "10.0.0.1"),
        ("nonsense", "10.0.0.1"),
        ("198.51.100.7, nonsense", "10.0.0.1"),
        ("nonsense, 198.51.100.7", "198.51.100.7"),
    ],
)
def test_the_right_most_entry_that_is_no_proxy_counts(forwarded, expected):
    assert address("10.0.0.1", forwarded=forwarded) == expected


@pytest.mark.parametrize(
    ("peer", "uri"),
    [
        ("10.0.0.1", "https://localhost:8443/"),
        ("::ffff:10.0.0.1", "https://localhost:8443/"),
        ("198.51.100.7", "http://127.0.0.1/"),
        ("", "http://127.0.0.1/"),
    ],
)
def test_only_trusted_proxies_say_how_the_client_addressed_the_service(peer, uri):
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "localhost:8443"}
    request = RequestFactory(HTTP_HOST="127.0.0.1").get("/", headers=headers, REMOTE_ADDR=peer)
    drop_untrusted_forwarding(request)
    assert request.build_absolute_uri() == uri


@pytest.mark.parametrize(("peer", "status"), [("10.0.0.1", 400), ("198.51.100.7", 200)])
def test_a_forwarded_host_that_is_not_served_is_rejected_from_a_trusted_proxy(api, peer, status):
    headers = {"X-Forwarded-Host": "evil.example"}
    assert api.get("/health/live", headers=headers, REMOTE_ADDR=peer).status_code == status


@pytest.mark.django_db(databases=["default", "analytics"])
@pytest.mark.parametrize("peer", ["10.0.0.1", "127.0.0.1"])
def test_metrics_still_see_that_there_is_a_proxy(api, settings, peer):
    settings.CLIENT_ADDRESS_HEADER = "X-Client"
    assert api.get("/metrics").status_code == 200
    for name in ("X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-For", "X-Client"):
        response = api.get("/metrics", headers={name: "testserver"}, REMOTE_ADDR=peer)
        assert response.status_code == 403


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
    ],
)
def test_ipv6_clients_are_counted_by_their_network(address, key):
    assert rate_key(address) == key


@pytest.mark.usefixtures("clock")
def test_limits_count_clients_behind_a_proxy_separately(api, settings):
    settings.RATE_AUTH = "1/m"

    def post(client):
        headers = {"X-Forwarded-For": client}
        return api.post_bytes(
            "/api/v1/auth/login", b"x", "text/plain", headers=headers, REMOTE_ADDR="10.0.0.1"
        ).status_code

    assert [post("198.51.100.7"), post("198.51.100.8"), post("198.51.100.7")] == [415, 415, 429]
