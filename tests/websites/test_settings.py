"""GET and PUT /api/v1/websites/:id/settings"""

import pytest

from tests.support.responses import assert_error, assert_invalid, assert_response, run_concurrently
from tests.support.websites import NOT_FOUND, PATH
from websites import tokens
from websites.models import Website
from websites.settings import SETTINGS

pytestmark = pytest.mark.django_db

DEFAULTS = {
    "timezone": "UTC",
    "honourPrivacySignals": False,
    "allowedHosts": [],
    "ignoredNetworks": [],
    "pageRules": {"queryKeys": [], "trailingSlash": "keep", "patterns": []},
}
HOST = "Expected a host such as example.com or *.example.com"
NETWORK = "Expected an address or a network such as 192.0.2.0/24"
PATTERN = "Expected a path such as /user/*"
ZONE = "Expected an IANA name such as Europe/Berlin"


@pytest.fixture
def path(website):
    return f"{PATH}/{website.id}/settings"


@pytest.fixture
def put_settings(call, path):
    return lambda body, **more: call("put", path, body, **more)


def test_a_new_website_has_the_defaults(call, path):
    assert_response(call("get", path), 200, DEFAULTS)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"timezone": "Asia/Kathmandu"},
        {"honourPrivacySignals": True},
        {"allowedHosts": ["example.com", "*.Example.com", "localhost", "[2001:DB8::1]"]},
        {
            "allowedHosts": [
                "münchen.example",
                "xn--mnchen-3ya.example",
                "example.org.",
                "☃.example",
            ]
        },
        {"ignoredNetworks": ["192.0.2.7", "10.0.0.0/8", "2001:db8::/32", "::ffff:10.1.2.3"]},
        {"pageRules": {"queryKeys": ["id", "größe", "a[]"], "patterns": ["/", "/user/*", "/ü/**"]}},
        {"pageRules": {"trailingSlash": "remove"}},
        {"allowedHosts": [f"a{n}.example" for n in range(100)]},
    ],
)
def test_what_is_given_is_changed_and_the_whole_is_answered(call, path, put_settings, change):
    rules = DEFAULTS["pageRules"] | change.get("pageRules", {})
    expected = DEFAULTS | change | {"pageRules": rules}
    assert_response(put_settings(change), 200, expected)
    assert_response(call("get", path), 200, expected)


def test_what_is_left_out_stays(put_settings, website):
    put_settings({"timezone": "Europe/Berlin", "pageRules": {"queryKeys": ["id"]}})
    put_settings({"allowedHosts": ["example.com"], "pageRules": {"patterns": ["/user/*"]}})
    rules = {"queryKeys": ["id"], "trailingSlash": "keep", "patterns": ["/user/*"]}
    expected = {"timezone": "Europe/Berlin", "allowedHosts": ["example.com"], "pageRules": rules}
    assert_response(put_settings(b""), 200, DEFAULTS | expected)
    website.refresh_from_db()
    assert (website.timezone, website.allowed_hosts) == ("Europe/Berlin", ["example.com"])
    assert website.page_rules == rules


def test_what_was_read_can_be_sent_back(call, path, put_settings):
    put_settings({"allowedHosts": ["example.com"], "pageRules": {"queryKeys": ["id"]}})
    read = call("get", path).json()
    assert_response(put_settings(read | {"id": 5, "unknown": None}), 200, read)


@pytest.mark.parametrize(
    ("field", "value", "messages"),
    [
        ("timezone", "Berlin", [f"Invalid time zone 'Berlin'. {ZONE}"]),
        ("timezone", "europe/berlin", [f"Invalid time zone 'europe/berlin'. {ZONE}"]),
        ("timezone", "../../etc/passwd", [f"Invalid time zone '../../etc/passwd'. {ZONE}"]),
        ("timezone", "", [f"Invalid time zone ''. {ZONE}"]),
        ("timezone", "{x}" * 99, [f"Invalid time zone '{('{x}' * 99)[:64]}'. {ZONE}"]),
        ("timezone", None, ["Expected string, received null"]),
        ("honourPrivacySignals", 1, ["Expected boolean, received number"]),
        ("allowedHosts", "example.com", ["Expected array, received string"]),
        ("allowedHosts", None, ["Expected array, received null"]),
        ("allowedHosts", [5], ["Expected string, received number"]),
        ("allowedHosts", [""], [f"Invalid host ''. {HOST}"]),
        ("allowedHosts", ["a b", "ok", "*"], [f"Invalid host '{x}'. {HOST}" for x in ("a b", "*")]),
        ("allowedHosts", ["x" * 256], ["Host too long"]),
        ("allowedHosts", ["a"] * 101, ["Array must contain at most 100 element(s)"]),
        *(
            ("allowedHosts", [host], [f"Invalid host '{host}'. {HOST}"])
            for host in (
                *("https://example.com", "example.com:80", "example.com/a", "u@example.com"),
                *("*.*.example.com", "a.*.com", "*.[::1]", "a..b", "[::1%eth0]", "a\u202eb"),
            )
        ),
        ("ignoredNetworks", {}, ["Expected array, received object"]),
        ("ignoredNetworks", [None], ["Expected string, received null"]),
        ("ignoredNetworks", ["::"] * 101, ["Array must contain at most 100 element(s)"]),
        *(
            ("ignoredNetworks", [text], [f"Invalid network '{text:.64}'. {NETWORK}"])
            for text in ("", "office", "1.2.3", "10.0.0.0/33", "fe80::1%eth0", " ::1", "9" * 99)
        ),
        ("pageRules", [], ["Expected object, received array"]),
        ("pageRules", {"queryKeys": ["", "a=b"]}, ["Query key is required", "Invalid query key"]),
        ("pageRules", {"queryKeys": ["x" * 101]}, ["Query key too long"]),
        ("pageRules", {"queryKeys": ["x"] * 51}, ["Array must contain at most 50 element(s)"]),
        (
            "pageRules",
            {"trailingSlash": "add"},
            ["Invalid enum value. Expected 'keep' | 'remove', received 'add'"],
        ),
        (
            "pageRules",
            {"patterns": ["user/*", "/a?b", "/a b", "/" + "x" * 255]},
            [
                *(f"Invalid pattern '{each}'. {PATTERN}" for each in ("user/*", "/a?b", "/a b")),
                "Pattern too long",
            ],
        ),
        ("pageRules", {"patterns": ["/"] * 101}, ["Array must contain at most 100 element(s)"]),
    ],
)
def test_settings_must_keep_the_rules(call, path, put_settings, field, value, messages):
    body = {"timezone": "Europe/Berlin", "honourPrivacySignals": True} | {field: value}
    assert_invalid(put_settings(body), fields={field: messages})
    assert call("get", path).json() == DEFAULTS


def test_a_body_that_is_no_object_is_invalid(put_settings):
    assert_invalid(put_settings([]), form=["Expected object, received array"])


# Who may, and in which order


@pytest.mark.parametrize("method", ["get", "put"])
def test_the_settings_of_others_do_not_exist(call, path, stranger, method):
    answer = call(
        method, path, {} if method == "put" else b"", as_token=tokens.issue(stranger).access
    )
    assert_error(answer, *NOT_FOUND)


@pytest.mark.parametrize("id", ["x", "%00", "019c0427-2440-74f8-996d-a763b7a969b1"])
@pytest.mark.parametrize("method", ["get", "put"])
def test_the_settings_of_an_unknown_website_are_not_found(call, method, id):
    assert_error(call(method, f"{PATH}/{id}/settings"), *NOT_FOUND)


def test_checks_come_in_their_order(call, settings, path, website):
    settings.MAX_BODY_BYTES = 100
    unknown, long = f"{PATH}/{website.user_id}/settings", {"timezone": "x" * 100}
    wrong_type, junk = "application/x-www-form-urlencoded", {"as_token": "junk"}
    response = call("delete", unknown, long, **junk)
    assert (response.status_code, response["Allow"]) == (405, "GET, PUT, HEAD")
    assert call("put", unknown, long, **junk).status_code == 401
    assert call("put", unknown, long).status_code == 413
    assert call("put", unknown, "{", content_type=wrong_type).status_code == 404
    assert call("put", path, "{", content_type=wrong_type).status_code == 415
    assert call("put", path, "{").status_code == 400
    assert call("put", f"{path}/", {}).status_code == 404


def test_a_website_that_vanishes_meanwhile_is_not_found(put_settings, monkeypatch):
    validate = SETTINGS.run_validation

    def delete_and_validate(body):
        Website.objects.all().delete()
        return validate(body)

    monkeypatch.setattr(SETTINGS, "run_validation", delete_and_validate)
    assert_error(put_settings({"timezone": "UTC"}), *NOT_FOUND)


@pytest.mark.django_db(transaction=True)
def test_changes_of_different_rules_at_once_are_both_kept(put_settings, website):
    run_concurrently(
        lambda: put_settings({"pageRules": {"queryKeys": ["id"]}}),
        lambda: put_settings({"pageRules": {"patterns": ["/user/*"]}}),
    )
    website.refresh_from_db()
    expected = {"queryKeys": ["id"], "trailingSlash": "keep", "patterns": ["/user/*"]}
    assert website.page_rules == expected


@pytest.mark.parametrize(("method", "verb"), [("get", "fetch"), ("put", "update")])
def test_a_crash_is_reported_in_the_dialect(call, path, monkeypatch, caplog, method, verb):
    monkeypatch.setattr("websites.ownership.Website", None)
    assert_error(call(method, path), 500, "INTERNAL_ERROR", f"Failed to {verb} settings")
    assert "NoneType" in caplog.text
