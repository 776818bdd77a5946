"""Web addresses and their hosts"""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.provisional import urls

from config.api.web_urls import host_of, is_http, is_url


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://example.com", "example.com"),
        ("https://example.com/", "example.com"),
        ("HTTPS://Example.COM/A", "Example.COM"),
        ("hTTp://a", "a"),
        ("http://example.com.", "example.com."),
        ("http://example.com?q=1", "example.com"),
        ("http://example.com#top", "example.com"),
        ("http://example.com/?q=http://[::1", "example.com"),
        ("http://example.com/a|b^c`{}<>\"'\\", "example.com"),
        ("http://a_b.example/", "a_b.example"),
        ("http://-a-.example/", "-a-.example"),
        ("http://1.2.3/", "1.2.3"),
        ("http://192.168.0.1/", "192.168.0.1"),
        ("http://[::1]/", "[::1]"),
        ("http://[2001:DB8::1]:80/", "[2001:DB8::1]"),
        ("http://[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]"),
        ("http://münchen.example/", "münchen.example"),
        ("http://пример.рф/", "пример.рф"),
        ("http://例え.テスト/", "例え.テスト"),
        ("http://उदाहरण.भारत/", "उदाहरण.भारत"),
        ("http://user@example.com/", "example.com"),
        ("http://user:secret@example.com/", "example.com"),
        ("http://a@b@example.com/", "example.com"),
        ("http://@example.com/", "example.com"),
        ("http://example.com:0/", "example.com"),
        ("http://example.com:65535/", "example.com"),
        ("http://example.com:00080/", "example.com"),
        ("http://example.com/@other.example", "example.com"),
        ("http://example.com?@other.example", "example.com"),
        ("http://example.com#@other.example", "example.com"),
        ("http://localhost:8000/é😀", "localhost"),
        ("http://😀.example/", "😀.example"),
        ("http://❤️.example/", "❤️.example"),  # with a variation selector
        ("http://👩\u200d💻.example/", "👩\u200d💻.example"),
        ("http://می\u200cشود.example/", "می\u200cشود.example"),
        ("http://क्\u200dष.example/", "क्\u200dष.example"),
        ("http://paral·lel.example/", "paral·lel.example"),
        ("http://٣٤.example/", "٣٤.example"),
        ("http://xn--ls8h.la/", "xn--ls8h.la"),
        ("http://a$b+c.example/", "a$b+c.example"),
        ("http://\ufffd.example/", "\ufffd.example"),
        ("capacitor://localhost", "localhost"),
        ("ionic://localhost/tabs/home", "localhost"),
        ("tauri://localhost/", "localhost"),
        ("app://-/index.html", "-"),
        ("android-app://com.google.android.gm/", "com.google.android.gm"),
        ("ANDROID-APP://com.example", "com.example"),
        ("chrome-extension://mhjfbmdgcfjbbpae/x.html", "mhjfbmdgcfjbbpae"),
        ("a1+b-c.d://host:1/", "host"),
        ("ftp://x", "x"),
        ("file:///C:/index.html", ""),
        ("file:///", ""),
        ("FILE://", ""),
        ("file://server/share", "server"),
    ],
)
def test_a_url_names_its_host(url, host):
    assert host_of(url) == host


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "example.com",
        "/path",
        "//example.com/",
        "http:",
        "http:/example.com",
        "http://",
        "https://",
        "https:///x",
        "http://?q",
        "http://#a",
        "http://:80/",
        "http://@/",
        "http://user@",
        "http://user@:80/",
        "javascript:alert(1)",
        "mailto:a@b.c",
        "javascript://example.com/%0aalert(1)",
        "JavaScript://example.com/",
        "data://x",
        "DATA://x",
        "vbscript://x",
        "blob://x",
        "blob:https://example.com/0b1d",
        "about:blank",
        "view-source:https://example.com/",
        "://example.com/",
        "1http://example.com/",
        "+a://example.com/",
        "ht_tp://example.com/",
        "http\u017f://example.com/",  # a long s, which is an s in lower case
        "\u212aapp://example.com/",  # the Kelvin sign, which is a k
        "é://example.com/",
        "android-app://",
        "capacitor:///index.html",
        "capacitor:localhost",
        "file:/etc/passwd",
        "file:///a b",
        "file://a,b/",
        " http://example.com/",
        "http ://example.com/",
        "http://exa mple.com/",
        "http://example.com/ ",
        "http://example.com/a b",
        "http://example.com/a\tb",
        "http://example.com/\n",
        "\nhttp://example.com/",
        "http://example.com/\x00",
        "http://example.com/\x1f",
        "http://example.com/\x7f",
        "http://example.com/\u00a0",
        "http://example.com/\u2028",
        "http://example.com/\u3000",
        "http://example..com/",
        "http://.example.com/",
        "http://example.com../",
        "http://./",
        "http://../",
        "http://exa%6Dple.com/",
        "http://a,b/",
        "http://a\\b/",
        "http://a\u200bb/",
        "http://a\u202eb/",
        "http://a\u2060b/",
        "http://\u200db.example/",
        "http://b\u200d.example/",
        "http://\u200d/",
        "http://·l.example/",
        "http://a。b/",
        "http://example.com:65536/",
        "http://example.com:99999/",
        "http://example.com:-1/",
        "http://example.com:8x/",
        "http://example.com:80:80/",
        "http://example.com:\u0668\u0660/",  # Arabic digits
        "http://example.com:" + "9" * 5000,
        "http://[::1",
        "http://::1/",
        "http://[]/",
        "http://[::1]x/",
        "http://[::1%25eth0]/",
        "http://[1.2.3.4]/",
        "http://[example.com]/",
        "http://[::1]]/",
        "http://2001:db8::1/",
    ],
    ids=lambda url: ascii(url)[:40],
)
def test_any_other_text_is_no_url(url):
    assert host_of(url) is None
    assert not is_http(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://example.com", True),
        ("HTTPS://example.com/", True),
        ("httpx://example.com/", False),
        ("ftp://example.com/", False),
        ("file:///x", False),
        ("android-app://com.example/", False),
        ("https://", False),
    ],
)
def test_only_some_urls_are_of_the_web(url, expected):
    assert is_http(url) is expected


@given(urls())
def test_urls_of_the_standard_are_urls(url):
    assert host_of(url) is not None


@given(
    st.text()
    | st.text().map("http://".__add__)
    | st.text().map("file://".__add__)
    | st.text("hps:/.[]@?#%0aé\\ \n")
)
@example("http://" + "a." * 1000)
@example("http://" + "@" * 2000)
def test_no_text_is_too_strange(text):
    host = host_of(text)
    if host is not None:
        assert "://" in text
        assert host or text.lower().startswith("file://")
        assert host in text
        assert not any(character.isspace() or character < "!" for character in text)


PIECES = [*"aZ-_.:/?#@[]% \x7f\n\\é5", "http://", "https://", "HTTP://", "ftp://", "a.b", "://"]


@given(st.lists(st.sampled_from(PIECES), max_size=9).map("".join))
@example("https://a.example/x\n")
@example("https://a.example\n")
@example("http://a.b/\x00")
def test_a_url_is_what_has_a_host(text):
    assert is_url(text) is (host_of(text) is not None)
