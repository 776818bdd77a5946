"""Sources and channels of sessions"""

import pytest

from analytics.reports.facts.channels import channel_of
from analytics.reports.facts.sources import parameters_of, source_of

HOME = "https://site.example/"
OWN = frozenset({"site.example", "shop.example", "xn--bcher-kva.example"})


@pytest.mark.parametrize(
    ("referrer", "source", "channel"),
    [
        (None, None, "Direct"),
        ("", None, "Direct"),
        ("javascript:alert(1)", None, "Direct"),
        ("data:text/html,x", None, "Direct"),
        ("no url", None, "Direct"),
        ("http://[::1", None, "Direct"),
        ("https://x.example:99999/", None, "Direct"),
        ("https://www.site.example/a", None, "Direct"),
        ("https://SHOP.example.:8443/", None, "Direct"),
        ("https://bücher.example/", None, "Direct"),
        ("https://xn--bcher-kva.example/", None, "Direct"),
        ("https://münchen.example/", "xn--mnchen-3ya.example", "Referral"),
        ("https://xn--mnchen-3ya.example/", "xn--mnchen-3ya.example", "Referral"),
        ("https://google.com@other.example/", "other.example", "Referral"),
        ("https://google.com.other.example/", "google.com.other.example", "Referral"),
        ("https://notgoogle.com/", "notgoogle.com", "Referral"),
        ("https://[2001:DB8::1]:80/", "[2001:db8::1]", "Referral"),
        ("https://192.0.2.1/", "192.0.2.1", "Referral"),
        ("https://localhost/", "localhost", "Referral"),
        ("https://www.google.com/", "Google", "Organic Search"),
        ("https://www.google.co.uk/", "Google", "Organic Search"),
        ("https://google.com.br/", "Google", "Organic Search"),
        ("https://search.yahoo.co.jp/", "Yahoo", "Organic Search"),
        ("https://mail.google.com/", "Gmail", "Email"),
        ("https://gemini.google.com/", "Gemini", "AI Assistants"),
        ("https://chatgpt.com/", "ChatGPT", "AI Assistants"),
        ("https://l.facebook.com/", "Facebook", "Organic Social"),
        ("https://lm.facebook.com/", "Facebook", "Organic Social"),
        ("https://pinterest.de/", "Pinterest", "Organic Social"),
        ("https://t.co/x", "X", "Organic Social"),
        ("https://m.youtube.com/", "YouTube", "Organic Video"),
        ("android-app://com.google.android.gm/", "Gmail", "Email"),
        ("android-app://com.example.reader/", "com.example.reader", "Referral"),
        ("https://github.com/", "GitHub", "Referral"),
        ("https://x.example/" + "x" * 2000, "x.example", "Referral"),
    ],
)
def test_a_referrer_names_a_source_and_a_channel(referrer, source, channel):
    found = source_of(HOME, referrer, OWN)
    assert (found.name, channel_of(found, {})) == (source, channel)


@pytest.mark.parametrize(
    ("query", "source", "channel"),
    [
        ("utm_source=google&utm_medium=cpc", "Google", "Paid Search"),
        ("UTM_Source=Facebook&utm_medium=paid_social", "Facebook", "Paid Social"),
        ("utm_source=youtube&utm_medium=ppc", "YouTube", "Paid Video"),
        ("utm_source=shop&utm_medium=cpc", "shop", "Paid Other"),
        ("utm_source=news&utm_medium=Email", "news", "Email"),
        ("utm_source=net&utm_medium=banner", "net", "Display"),
        ("utm_source=net&utm_medium=affiliate", "net", "Affiliates"),
        ("utm_source=t&utm_medium=social", "t", "Organic Social"),
        ("utm_medium=organic", "Bing", "Organic Search"),
        ("gclid=1", "Bing", "Paid Search"),
        ("ref=producthunt", "producthunt", "Referral"),
        ("source=x.com", "X", "Organic Social"),
        ("utm_source=&ref=+&source=a", "a", "Referral"),
        ("utm_source=%zz", "%zz", "Referral"),
        ("utm_source=%ff%00", "\ufffd\ufffd", "Referral"),
        ("utm_source=.", ".", "Referral"),
        ("utm_source=" + ".a" * 900, ".a" * 900, "Referral"),
        ("", "Bing", "Organic Search"),
    ],
)
def test_parameters_win_over_the_referrer(query, source, channel):
    url = f"{HOME}?{query}"
    found = source_of(url, "https://www.bing.com/", OWN)
    assert (found.name, channel_of(found, parameters_of(url))) == (source, channel)


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("a=1&A=2&b=", {"a": "1"}),
        ("a=x+y%20z", {"a": "x y z"}),
        ("&&=&a", {}),
    ],
)
def test_the_first_value_of_a_parameter_counts(query, parameters):
    assert parameters_of(f"{HOME}?{query}") == parameters


def test_a_broken_url_has_no_parameters():
    assert parameters_of("http://[::1?a=1") == {}
