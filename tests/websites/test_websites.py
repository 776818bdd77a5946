"""/api/v1/websites and /api/v1/websites/:id: create, list, read, change and delete"""

import re
from datetime import UTC, datetime

import pytest

from config.db import uuid7
from tests.support.responses import (
    assert_answer,
    assert_invalid,
    assert_refused,
    at_once,
)
from tests.support.websites import PATH
from websites import lookup
from websites.domains import normalised_host
from websites.models import Website

pytestmark = pytest.mark.django_db

GOOD = {"name": "My Website", "domain": "example.com", "description": "My example website"}
NOT_FOUND = (404, "NOT_FOUND", "Website not found")
TAKEN = (409, "CONFLICT", "This domain is already registered for your account")


def in_milliseconds(at):
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def shown(website):
    """Return how the API has to show a website."""
    return {
        "id": str(website.id),
        "userId": str(website.user_id),
        "name": website.name,
        "domain": website.domain,
        "description": website.description,
        "trackingCode": website.tracking_code,
        "isActive": website.is_active,
        "createdAt": in_milliseconds(uuid7.time_of(website.id)),
        "updatedAt": in_milliseconds(website.updated_at),
    }


def test_a_new_website_is_stored_and_told(post, user):
    response = post(GOOD)
    website = Website.objects.get()
    told = response.json()
    assert_answer(response, 201, shown(website))
    assert website.id.version == 7
    assert {name: told[name] for name in GOOD} == GOOD
    assert (told["userId"], told["isActive"]) == (str(user.id), True)
    assert told["updatedAt"] == told["createdAt"]
    created_ms = uuid7.ms_of(website.id)
    assert re.fullmatch(rf"pm-[a-z0-9]{{6}}-{created_ms:013d}", told["trackingCode"])


@pytest.mark.parametrize(
    "change",
    [
        {"name": "x" * 255},
        {"name": " "},
        {"name": "<script>alert(1)</script>"},
        {"domain": "localhost:3000"},
        {"domain": "https://user:secret@www.Example.com:8443/shop?a=1#b"},
        {"domain": "HTTP://EXAMPLE.COM"},
        {"domain": "192.0.2.1"},
        {"domain": "[2001:db8::1]:80"},
        {"domain": "münchen.example"},
        {"domain": f"{'a' * 251}.com"},
        {"description": None},
        {"description": ""},
        {"description": "é" * 1000},
        {"isActive": "no", "trackingCode": 5, "userId": "x", "id": None},
    ],
)
def test_what_keeps_every_rule_is_stored_as_it_is(post, user, change):
    body = GOOD | change
    assert post(body).status_code == 201
    website = Website.objects.get()
    stored = {name: getattr(website, name) for name in GOOD}
    assert stored == {name: body[name] for name in GOOD}
    assert (website.is_active, website.user) == (True, user)


def test_without_a_description_it_is_null(post):
    response = post({"name": "My Website", "domain": "example.com"})
    assert response.json()["description"] is None
    assert Website.objects.get().description is None


NO_NAME, LONG_NAME = "Website name is required", "Website name must be less than 255 characters"
BAD_DOMAIN = "Invalid domain URL"
BROKEN = [
    ("name", "", [NO_NAME]),
    ("name", "x" * 256, [LONG_NAME]),
    ("name", 5, ["Expected string, received number"]),
    ("name", None, ["Expected string, received null"]),
    ("domain", "", ["Domain is required", BAD_DOMAIN]),
    ("domain", "ftp://x", [BAD_DOMAIN]),
    ("domain", "exa mple.com", [BAD_DOMAIN]),
    ("domain", "http://", [BAD_DOMAIN]),
    ("domain", "javascript:alert(1)", [BAD_DOMAIN]),
    ("domain", "example..com", [BAD_DOMAIN]),
    ("domain", "example.com:99999", [BAD_DOMAIN]),
    ("domain", "/shop", [BAD_DOMAIN]),
    ("domain", "example.com\n", [BAD_DOMAIN]),
    ("domain", f"{'a' * 252}.com", ["Domain must be less than 255 characters"]),
    ("domain", " " * 256, [BAD_DOMAIN, "Domain must be less than 255 characters"]),
    ("domain", ["example.com"], ["Expected string, received array"]),
    ("domain", None, ["Expected string, received null"]),
    ("description", "x" * 1001, ["Description must be less than 1000 characters"]),
    ("description", {}, ["Expected string, received object"]),
]


@pytest.mark.parametrize(("field", "value", "messages"), BROKEN)
def test_a_new_website_must_keep_the_rules(post, field, value, messages):
    assert_invalid(post(GOOD | {field: value}), fields={field: messages})
    assert not Website.objects.exists()


@pytest.mark.parametrize("body", [b"", {}])
def test_name_and_domain_are_required(post, body):
    assert_invalid(post(body), fields={"name": ["Required"], "domain": ["Required"]})


@pytest.mark.parametrize(
    ("domain", "host"),
    [
        ("example.com", "example.com"),
        ("EXAMPLE.com.", "example.com"),
        ("www.example.com", "example.com"),
        ("https://WWW.Example.com/shop", "example.com"),
        ("http://user:pw@example.com:81/?a#b", "example.com"),
        ("example.com:3000", "example.com"),
        ("www2.example.com", "www2.example.com"),
        ("www.www.example.com", "www.example.com"),
        ("MÜNCHEN.example", "xn--mnchen-3ya.example"),
        ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
        ("my_host", "my_host"),
        ("[2001:DB8::1]:80", "[2001:db8::1]"),
        ("☃.example", "☃.example"),
    ],
)
def test_the_host_is_what_counts_of_a_domain(domain, host):
    assert normalised_host(domain) == host


@pytest.mark.parametrize(
    "domain", ["example.com", "https://www.Example.com/shop", "EXAMPLE.COM.:8080"]
)
def test_one_host_belongs_to_one_website_of_a_user(post, website, domain):
    assert_refused(post(GOOD | {"domain": domain}), *TAKEN)
    assert list(Website.objects.all()) == [website]


def test_another_user_may_have_the_same_host(post, make_website, stranger):
    make_website(stranger)
    assert post(GOOD).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_of_two_websites_of_one_host_at_once_one_wins(post):
    answers = at_once(lambda: post(GOOD), lambda: post(GOOD | {"domain": "www.example.com"}))
    winner, loser = sorted(answers, key=lambda answer: answer.status_code)
    assert winner.status_code == 201
    assert_refused(loser, *TAKEN)
    assert Website.objects.count() == 1


def test_the_list_has_all_of_my_websites_newest_first(call, user, stranger, make_website):
    websites = [
        make_website(user, f"site{n}.example", id=uuid7.new_id(1_769_596_260_000 + n))
        for n in range(12)
    ]
    websites[3].is_active = False
    websites[3].save()
    make_website(stranger)
    body = {"websites": [shown(website) for website in reversed(websites)], "total": 12}
    assert_answer(call("get", PATH), 200, body)


def test_without_websites_the_list_is_empty(call, stranger, make_website):
    make_website(stranger)
    assert_answer(call("get", PATH), 200, {"websites": [], "total": 0})


@pytest.mark.parametrize("write", [str, lambda id: str(id).upper()])
def test_one_website_is_told_alone(call, website, write):
    assert_answer(call("get", f"{PATH}/{write(website.id)}"), 200, shown(website))


def test_a_change_leaves_out_what_it_does_not_name(call, put, website):
    before = shown(website)
    lower = datetime.now(UTC)
    response = put({"name": "Renamed", "isActive": False})
    upper = datetime.now(UTC)
    website.refresh_from_db()
    after = before | {"name": "Renamed", "isActive": False}
    assert_answer(response, 200, after | {"updatedAt": in_milliseconds(website.updated_at)})
    assert lower <= website.updated_at <= upper
    assert call("get", f"{PATH}/{website.id}").json() == response.json()


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        (b"", {}),
        ({"name": "x"}, {"name": "x"}),
        ({"domain": "https://new.example/"}, {"domain": "https://new.example/"}),
        ({"domain": "WWW.example.com"}, {"domain": "WWW.example.com"}),
        ({"description": ""}, {"description": ""}),
        ({"description": None}, {"description": None}),
        ({"isActive": False}, {"isActive": False}),
        ({"isActive": True}, {}),
        ({"trackingCode": "pm-mine", "userId": 1, "id": 2, "createdAt": 3, "host": 4}, {}),
    ],
)
def test_each_field_can_be_changed_alone(user, put, website, body, changed):
    website.description = "Before"
    website.save()
    before = shown(website)
    after = put(body).json()
    del before["updatedAt"], after["updatedAt"]
    assert after == before | changed


def test_an_object_that_was_read_can_be_sent_back(call, put, website):
    read = call("get", f"{PATH}/{website.id}").json()
    response = put(read)
    assert response.status_code == 200
    assert response.json() | {"updatedAt": ""} == read | {"updatedAt": ""}


@pytest.mark.parametrize(
    ("field", "value", "messages"),
    [
        *BROKEN,
        ("isActive", "no", ["Expected boolean, received string"]),
        ("isActive", 0, ["Expected boolean, received number"]),
        ("isActive", None, ["Expected boolean, received null"]),
    ],
)
def test_a_change_must_keep_the_rules(put, website, field, value, messages):
    before = shown(website)
    assert_invalid(put({"name": "Renamed"} | {field: value}), fields={field: messages})
    website.refresh_from_db()
    assert shown(website) == before


def test_a_change_to_a_host_that_is_taken_is_a_conflict(put, user, website, make_website):
    make_website(user, "other.example")
    assert_refused(put({"domain": "https://www.other.example"}), *TAKEN)
    website.refresh_from_db()
    assert website.domain == "example.com"


@pytest.mark.django_db(transaction=True)
def test_of_two_changes_to_one_host_at_once_one_wins(call, user, make_website):
    one, other = make_website(user, "one.example"), make_website(user, "two.example")
    answers = at_once(
        lambda: call("put", f"{PATH}/{one.id}", {"domain": "same.example"}),
        lambda: call("put", f"{PATH}/{other.id}", {"domain": "same.example"}),
    )
    winner, loser = sorted(answers, key=lambda answer: answer.status_code)
    assert winner.status_code == 200
    assert_refused(loser, *TAKEN)


@pytest.mark.django_db(transaction=True)
def test_changes_of_different_fields_at_once_are_both_kept(put, website):
    at_once(lambda: put({"name": "Renamed"}), lambda: put({"description": "New"}))
    website.refresh_from_db()
    assert (website.name, website.description) == ("Renamed", "New")


def test_a_website_that_vanishes_during_its_change_stays_gone(put, website, monkeypatch):
    found = Website.objects.get()
    monkeypatch.setattr("websites.websites_api._own_website", lambda request, id: found)
    Website.objects.all().delete()
    assert_refused(put({"name": "Renamed"}), *NOT_FOUND)
    assert not Website.objects.exists()


def test_a_deleted_website_is_gone(call, website):
    path = f"{PATH}/{website.id}"
    done = {"success": True, "message": "Website deleted successfully"}
    assert_answer(call("delete", path), 200, done)
    assert not Website.objects.exists()
    for method in ("get", "put", "delete"):
        assert_refused(call(method, path), *NOT_FOUND)


def test_events_find_a_website_at_once_and_no_longer_when_it_is_off_or_gone(post, call):
    told = post(GOOD).json()
    path, code = f"{PATH}/{told['id']}", told["trackingCode"]
    site = lookup.active_site(code)
    assert site is not None
    assert str(site.id) == told["id"]
    call("put", path, {"isActive": False})
    assert lookup.active_site(code) is None
    call("put", path, {"isActive": True})
    assert lookup.active_site(code) == site
    call("delete", path)
    assert lookup.active_site(code) is None
