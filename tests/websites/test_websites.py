"""/api/v1/websites and /api/v1/websites/:id: list, read, change and delete"""

from datetime import UTC, datetime

import pytest
from django.utils import timezone

from config.db import uuid7
from tests.support.responses import assert_error, assert_invalid, assert_response, run_concurrently
from tests.support.websites import (
    BROKEN,
    GOOD,
    NOT_FOUND,
    PATH,
    TAKEN,
    milliseconds_text,
    website_body,
)
from websites import lookup, websites_api
from websites.models import RetiredCode, Website

pytestmark = pytest.mark.django_db


def test_the_list_has_all_of_my_websites_newest_first(call, user, stranger, make_website):
    websites = [
        make_website(user, f"site{n}.example", id=uuid7.new_id(1_769_596_260_000 + n))
        for n in range(12)
    ]
    websites[3].is_active = False
    websites[3].save()
    make_website(stranger)
    body = {"websites": [website_body(website) for website in reversed(websites)], "total": 12}
    assert_response(call("get", PATH), 200, body)


def test_without_websites_the_list_is_empty(call, stranger, make_website):
    make_website(stranger)
    assert_response(call("get", PATH), 200, {"websites": [], "total": 0})


@pytest.mark.parametrize("write", [str, lambda id: str(id).upper()])
def test_one_website_is_returned(call, website, write):
    assert_response(call("get", f"{PATH}/{write(website.id)}"), 200, website_body(website))


def test_a_change_leaves_out_what_it_does_not_name(call, put, website):
    before = website_body(website)
    lower = datetime.now(UTC)
    response = put({"name": "Renamed", "isActive": False})
    upper = datetime.now(UTC)
    website.refresh_from_db()
    after = before | {"name": "Renamed", "isActive": False}
    assert_response(response, 200, after | {"updatedAt": milliseconds_text(website.updated_at)})
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
    before = website_body(website)
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
    before = website_body(website)
    assert_invalid(put({"name": "Renamed"} | {field: value}), fields={field: messages})
    website.refresh_from_db()
    assert website_body(website) == before


def test_a_change_to_a_host_that_is_taken_is_a_conflict(put, user, website, make_website):
    make_website(user, "other.example")
    assert_error(put({"domain": "https://www.other.example"}), *TAKEN)
    website.refresh_from_db()
    assert website.domain == "example.com"


@pytest.mark.django_db(transaction=True)
def test_of_two_concurrent_changes_to_one_host_one_wins(call, user, make_website):
    one, other = make_website(user, "one.example"), make_website(user, "two.example")
    responses = run_concurrently(
        lambda: call("put", f"{PATH}/{one.id}", {"domain": "same.example"}),
        lambda: call("put", f"{PATH}/{other.id}", {"domain": "same.example"}),
    )
    winner, loser = sorted(responses, key=lambda response: response.status_code)
    assert winner.status_code == 200
    assert_error(loser, *TAKEN)


@pytest.mark.django_db(transaction=True)
def test_changes_of_different_fields_at_once_are_both_kept(put, website):
    run_concurrently(lambda: put({"name": "Renamed"}), lambda: put({"description": "New"}))
    website.refresh_from_db()
    assert (website.name, website.description) == ("Renamed", "New")


def test_a_website_that_vanishes_during_its_change_stays_gone(put, website, monkeypatch):
    validate = websites_api.CHANGE.run_validation

    def delete_and_validate(body):
        Website.objects.all().delete()
        return validate(body)

    monkeypatch.setattr(websites_api.CHANGE, "run_validation", delete_and_validate)
    assert_error(put({"name": "Renamed"}), *NOT_FOUND)
    assert not Website.objects.exists()


def test_a_deleted_website_is_gone(call, website):
    path = f"{PATH}/{website.id}"
    done = {"success": True, "message": "Website deleted successfully"}
    assert_response(call("delete", path), 200, done)
    assert not Website.objects.exists()
    for method in ("get", "put", "delete"):
        assert_error(call(method, path), *NOT_FOUND)


def test_a_website_accepts_events_from_creation_until_it_is_paused_or_deleted(post, call):
    body = post(GOOD).json()
    path, code = f"{PATH}/{body['id']}", body["trackingCode"]
    site = lookup.active_site(code)
    assert site is not None
    assert str(site.id) == body["id"]
    call("put", path, {"isActive": False})
    assert lookup.active_site(code) is None
    call("put", path, {"isActive": True})
    assert lookup.active_site(code) == site
    call("delete", path)
    assert lookup.active_site(code) is None


def test_many_codes_are_looked_up_by_one_query(
    website, user, make_website, django_assert_num_queries
):
    other, paused = make_website(user, "b.example"), make_website(user, "c.example")
    old_code, expired_code = other.rotate_code(), website.rotate_code()
    RetiredCode.objects.filter(code=expired_code).update(good_until=timezone.now())
    paused.change(is_active=False)
    codes = [website.tracking_code, old_code, other.tracking_code]
    codes += [paused.tracking_code, expired_code, "pm-nobody", "abc", ""]
    with django_assert_num_queries(1):
        found = lookup.active_sites(codes)
    assert {code: site.id for code, site in found.items()} == {
        website.tracking_code: website.id,
        old_code: other.id,
        other.tracking_code: other.id,
    }
    with django_assert_num_queries(0):
        assert lookup.active_sites(codes) == found
