"""GET /tracker.js: headers, encodings, validators, other methods"""

import gzip

import pytest

from websites.tracker.script import BROTLI, MINIFIED

PATH = "/tracker.js"
PLAIN = MINIFIED.read_bytes()
CONTENTS = {"br": BROTLI.read_bytes(), None: PLAIN}


@pytest.fixture
def get(client):
    def get(accept_encoding=None, **headers):
        if accept_encoding is not None:
            headers["accept-encoding"] = accept_encoding
        return client.get(PATH, headers=headers)

    return get


def test_any_page_may_load_and_keep_it(get):
    response = get()
    assert (response.status_code, response.content) == (200, PLAIN)
    expected = {
        "Content-Type": "text/javascript; charset=utf-8",
        "Cache-Control": "public, max-age=3600",
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "X-Content-Type-Options": "nosniff",
        "Content-Length": str(len(PLAIN)),
    }
    assert {name: response[name] for name in expected} == expected
    assert "Accept-Encoding" in response["Vary"]
    assert not response.cookies


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("BR", "br"),
        ("br;q=0.5, gzip;q=0.8", "gzip"),
        ("br ; q=0, gzip", "gzip"),
        ("br;q=0, gzip;q=0", None),
        ("*", "br"),
        ("*;q=0", None),
        ("identity;q=0", None),
        ("identity, br;q=0.5", None),
        ("br;q=nan, gzip;q=, x;q=1", None),
        ("br;q=1.0001", None),
        ("", None),
        (",;=é", None),
    ],
)
def test_it_comes_in_the_encoding_that_is_accepted(get, accepted, encoding):
    response = get(accepted)
    assert response.get("Content-Encoding") == encoding
    content = response.content
    assert (gzip.decompress(content) if encoding == "gzip" else content) == CONTENTS.get(
        encoding, PLAIN
    )


def test_each_encoding_has_a_strong_validator_of_its_own(get):
    etags = [get(accepted)["ETag"] for accepted in ("br", "gzip", "identity")]
    assert len(set(etags)) == 3
    assert all(etag.startswith('"') for etag in etags)


@pytest.mark.parametrize("match", ["{}", "W/{}", '"other", {}', "*"])
def test_a_browser_that_has_it_gets_no_body(get, match):
    etag = get("br")["ETag"]
    response = get("br", **{"if-none-match": match.format(etag)})
    assert (response.status_code, response.content) == (304, b"")
    assert response["ETag"] == etag
    assert response["Cache-Control"] == "public, max-age=3600"
    assert response["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("match", ['"other"', "nonsense", ""])
def test_a_browser_that_has_another_one_gets_it(get, match):
    assert get(**{"if-none-match": match}).content == PLAIN


def test_a_page_of_another_origin_may_read_it(get):
    response = get(origin="https://shop.example")
    assert response["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response


def test_head_has_the_headers_only(client):
    response = client.head(PATH)
    assert (response.status_code, response.content) == (200, b"")
    assert response["Content-Length"] == str(len(PLAIN))


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(client, method):
    response = client.generic(method, PATH, headers={"origin": "https://shop.example"})
    assert response.status_code == 405
    assert response.json() == {"error": "METHOD_NOT_ALLOWED", "message": "Method not allowed"}
    assert response["Allow"] == "GET, HEAD"
    assert response["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", ["/tracker.js/", "/Tracker.js", "/tracker.min.js"])
def test_it_has_one_path(client, path):
    assert client.get(path).json() == {"error": "NOT_FOUND", "message": "Route not found"}


def test_a_session_cookie_changes_nothing(client, db):
    client.cookies["sessionid"] = "x" * 32
    response = client.get(PATH)
    assert (response.status_code, response.content) == (200, PLAIN)
    assert "Cookie" not in response["Vary"]
