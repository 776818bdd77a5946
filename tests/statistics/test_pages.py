"""Pages of URLs by the page rules of a website"""

import time

import pytest

from analytics.reports.facts.pages import PageRules, page_of

KEYS = PageRules(query_keys=("id", "tab"))
REMOVED = PageRules(removes_trailing_slash=True)


@pytest.mark.parametrize(
    ("url", "rules", "page"),
    [
        ("https://a.example", PageRules(), "/"),
        ("https://a.example?x=1", PageRules(), "/"),
        ("https://a.example#/x", PageRules(), "/"),
        ("https://u:p@a.example:8443/a/b?c=/d#e", PageRules(), "/a/b"),
        ("https://[::1]:8000/x", PageRules(), "/x"),
        ("https://bücher.example/straße", PageRules(), "/straße"),
        ("https://a.example/%zz%", PageRules(), "/%zz%"),
        ("https://a.example//x//", PageRules(), "//x//"),
        ("https://a.example/x/", REMOVED, "/x"),
        ("https://a.example/", REMOVED, "/"),
        ("https://a.example/?tab=2&x=3&id=1#f", KEYS, "/?id=1&tab=2"),
        ("https://a.example/?id=1&id=%zz", KEYS, "/?id=1&id=%zz"),
        ("https://a.example/?%69d=1&ide=2&&=", KEYS, "/?%69d=1"),
        ("https://a.example/?id", KEYS, "/?id"),
        ("https://a.example/" + "x" * 2000, PageRules(), "/" + "x" * 2000),
        ("no url", PageRules(), "/"),
    ],
)
def test_a_url_has_a_page(url, rules, page):
    assert page_of(url, rules) == page


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("/user/*", "/user/7", True),
        ("/user/*", "/user/", False),
        ("/user/*", "/user/7/edit", False),
        ("/user/*/edit", "/user/7/edit", True),
        ("/user-*", "/user-7", True),
        ("/blog/**", "/blog", True),
        ("/blog/**", "/blog/a/b", True),
        ("/blog/**", "/blogs", False),
        ("/**/end", "/a/b/end", True),
        ("/**/end", "/a/end/b", False),
        ("/[ab]", "/[ab]", True),
        ("/[a*]", "/[a7]", True),
        ("/[a*]", "/a", False),
        ("/**" * 80 + "/x", "/a" * 1000, False),
        ("/" + "*a" * 120 + "b", "/" + "a" * 2000, False),
    ],
)
def test_a_path_that_fits_a_pattern_has_the_pattern_as_page(pattern, path, fits):
    rules = PageRules(patterns=(pattern,))
    assert page_of(f"https://a.example{path}?id=1", rules) == (pattern if fits else path)


def test_the_first_pattern_wins():
    rules = PageRules(patterns=("/a/*", "/**"))
    assert page_of("https://a.example/a/b", rules) == "/a/*"
    assert page_of("https://a.example/b", rules) == "/**"


def test_a_hostile_url_takes_bounded_time():
    patterns = tuple(f"/**/{'*a/' * 80}{number}" for number in range(100))
    url = f"https://example.com{'/xa' * 650}"
    start = time.process_time()
    page = page_of(url, PageRules(patterns=patterns))
    assert page == url.removeprefix("https://example.com")
    assert time.process_time() - start < 0.05  # a thousand times as long without a bound


def test_many_patterns_are_compared_with_an_ordinary_path():
    patterns = tuple(f"/section-{number}/**/*.html" for number in range(100))
    url = "https://example.com/section-99/a/b/c/page.html"
    assert page_of(url, PageRules(patterns=patterns)) == patterns[99]
