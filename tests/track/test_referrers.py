"""Domains of referrers"""

import pytest

from analytics.sessions.referrers import referrer_domain


@pytest.mark.parametrize(
    ("referrer", "expected"),
    [
        (None, "direct"),
        ("", "direct"),
        ("https://www.instagram.com/p/x", "instagram.com"),
        ("HTTP://WWW.Example.COM:8080?q", "example.com"),
        ("https://www.www.example.com", "www.example.com"),
        ("https://wwwexample.com", "wwwexample.com"),
        ("https://user:secret@example.com/", "example.com"),
        ("https://example.com/a path with spaces", "example.com"),
        ("https://example.com#x", "example.com"),
        ("https://m.example.co.uk\\x", "m.example.co.uk"),
        ("//example.com/x", "example.com"),
        ("android-app://com.google.android.gm/", "com.google.android.gm"),
        ("https://MÜNCHEN.example/", "münchen.example"),
        ("http://192.168.0.1/", "192.168.0.1"),
        ("http://[2001:DB8::1]/", "[2001:db8::1]"),
        ("not a url", "direct"),
        ("example.com/x", "direct"),
        ("http://[", "direct"),
        ("http://", "direct"),
        ("http:///x", "direct"),
        ("http://www.", "www"),
        ("http://exa mple.com/", "direct"),
        ("http://example.com:port/", "direct"),
        ("javascript:alert(1)", "direct"),
        ("mailto:a@b.c", "direct"),
        ("x" * 10_000, "direct"),
        ("http://" + "x" * 10_000, "direct"),
        ("http://" + "[" * 10_000, "direct"),
        ("https://example.com/" + "x" * 10_000, "example.com"),
    ],
)
def test_the_domain_of_a_referrer_is_its_host(referrer, expected):
    assert referrer_domain(referrer) == expected


@pytest.mark.parametrize(
    ("referrers", "domain"),
    [
        (
            ["https://example.com/", "https://example.com./", "https://WWW.EXAMPLE.COM."],
            "example.com",
        ),
        (["https://münchen.example/", "https://xn--mnchen-3ya.example/"], "münchen.example"),
        (["https://XN--MNCHEN-3YA.example/", "https://MU\u0308NCHEN.example"], "münchen.example"),
        (["https://пример.рф/", "https://www.xn--e1afmkfd.xn--p1ai./"], "пример.рф"),
        (["http://[2001:db8::1]/", "http://[2001:DB8:0:0::0001]/"], "[2001:db8::1]"),
    ],
)
def test_a_domain_has_one_spelling(referrers, domain):
    assert {referrer_domain(referrer) for referrer in referrers} == {domain}


@pytest.mark.parametrize(
    ("referrer", "expected"),
    [
        ("https://www.com/", "www.com"),
        ("https://www.com./", "www.com"),
        ("https://www/", "www"),
        ("https://www.localhost/", "www.localhost"),
        ("https://www.www.com/", "www.com"),
    ],
)
def test_www_stays_where_only_a_suffix_would_be_left(referrer, expected):
    assert referrer_domain(referrer) == expected


@pytest.mark.parametrize(
    "host",
    [
        "xn--example-.com",  # encodes nothing
        "xn--.com",
        "xn--9999999999.com",  # no punycode
        "xn--a-la.com",  # a next-line control character
        "xn--example-3z6c.com",  # a zero-width space
        "xn--\u00fc.com",
    ],
)
def test_a_label_that_is_no_name_stays_as_it_is(host):
    assert referrer_domain(f"https://{host}/") == host
