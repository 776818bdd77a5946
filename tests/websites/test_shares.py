"""Shares of websites: made, listed, revoked"""

import hashlib
from datetime import timedelta

import pytest

from config.db import uuid7
from tests.support.responses import assert_error, assert_invalid, assert_response, run_concurrently
from tests.support.shares import token_of_share
from tests.support.websites import NOT_FOUND, milliseconds_text
from websites import new_share, tokens
from websites.models import Share

pytestmark = pytest.mark.django_db
SHARE_NOT_FOUND = (404, "NOT_FOUND", "Share not found")
NO_NAME = "Share name is required"
LONG_NAME = "Share name must be less than 255 characters"
UNAUTHORIZED = (401, "UNAUTHORIZED", "Missing or invalid authorization header")


@pytest.fixture
def path(website):
    return f"/api/v1/websites/{website.id}/shares"


def share_body(share):
    created = milliseconds_text(uuid7.time_of(share.id))
    used = share.last_used_at and milliseconds_text(share.last_used_at)
    return {"id": str(share.id), "name": share.name, "createdAt": created, "lastUsedAt": used}


def test_a_share_is_made_and_only_a_hash_of_its_token_is_stored(api, website, path, token):
    response = api.post(path, {"name": "Agency"}, token=token)
    share = Share.objects.get()
    secret = response.json()["token"]
    url = f"http://testserver/share/{secret}/"
    body = share_body(share) | {"token": secret, "url": url}
    del body["lastUsedAt"]
    assert_response(response, 201, body)
    assert (share.website, share.name) == (website, "Agency")
    assert share.token_hash == hashlib.sha256(secret.encode()).hexdigest()
    assert len(secret) == 43


def test_no_two_shares_have_one_token(website):
    assert len({token_of_share(website) for _ in range(10)}) == 10


def test_shares_are_listed_without_their_tokens_the_newest_first(
    api, website, path, token, make_website, user
):
    token_of_share(make_website(user, "other.example"), "Other")
    for name in ("Agency", "Customer"):
        token_of_share(website, name)
    customer, agency = (Share.objects.get(name=name) for name in ("Customer", "Agency"))
    bodies = [share_body(customer), share_body(agency)]
    assert_response(api.get(path, token=token), 200, {"shares": bodies, "total": 2})


def test_a_revoked_share_is_gone(api, website, path, token):
    token_of_share(website)
    share = Share.objects.get()
    revoked = {"success": True, "message": "Share revoked successfully"}
    assert_response(api.delete(f"{path}/{share.id}", token=token), 200, revoked)
    assert not Share.objects.exists()
    assert_error(api.delete(f"{path}/{share.id}", token=token), *SHARE_NOT_FOUND)


@pytest.mark.django_db(databases=["default", "analytics"])
def test_the_last_use_is_stored_once_an_hour(api, website, path, clock):
    secret = token_of_share(website)
    stats = f"/api/v1/websites/{website.id}/stats"
    first = clock.now
    for minutes, used in ((0, first), (59, first), (1, first + timedelta(hours=1))):
        clock.move(minutes=minutes)
        assert api.get(stats, token=secret).status_code == 200
        assert Share.objects.get().last_used_at == used
    body = share_body(Share.objects.get())
    token = tokens.issue(website.user).access  # that of before has ended
    assert_response(api.get(path, token=token), 200, {"shares": [body], "total": 1})


@pytest.mark.parametrize("id", ["x", "%00", "019c0428-0ea0-7bae-841b-02c41ed0fd8a", "%FF"])
def test_an_unknown_share_is_not_found(api, website, path, token, id):
    token_of_share(website)
    assert_error(api.delete(f"{path}/{id}", token=token), *SHARE_NOT_FOUND)
    assert Share.objects.count() == 1


def test_a_share_of_another_website_is_not_found(api, path, token, make_website, user):
    token_of_share(make_website(user, "other.example"))
    assert_error(api.delete(f"{path}/{Share.objects.get().id}", token=token), *SHARE_NOT_FOUND)
    assert Share.objects.count() == 1


def test_shares_are_their_owners_alone(api, path, website, make_user):
    token_of_share(website)
    share = Share.objects.get()
    stranger = tokens.issue(make_user("stranger@example.com")).access
    for sent in (
        lambda: api.get(path, token=stranger),
        lambda: api.post(path, {}, token=stranger),
        lambda: api.delete(f"{path}/{share.id}", token=stranger),
    ):
        assert_error(sent(), *NOT_FOUND)
    assert Share.objects.count() == 1


@pytest.mark.parametrize("method", ["get", "post"])
def test_without_a_token_shares_are_closed(api, path, method):
    assert_error(getattr(api, method)(path), *UNAUTHORIZED)


def test_a_share_opens_no_other_api(api, website, path):
    secret = token_of_share(website)
    share = Share.objects.get()
    refused = (401, "UNAUTHORIZED", "Invalid or expired token")
    site = f"/api/v1/websites/{website.id}"
    for sent in (
        api.get(path, token=secret),
        api.post(path, {"name": "Another"}, token=secret),
        api.delete(f"{path}/{share.id}", token=secret),
        api.get("/api/v1/websites", token=secret),
        api.get(site, token=secret),
        api.put(site, {"name": "Mine"}, token=secret),
        api.delete(site, token=secret),
        api.get(f"{site}/settings", token=secret),
        api.get("/api/v1/auth/me", token=secret),
    ):
        assert_error(sent, *refused)
    metrics = api.get("/api/v1/dashboard/metrics", {"websiteId": website.id}, token=secret)
    assert metrics.status_code == 401
    assert Share.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, ["Required"]),
        ({"name": ""}, [NO_NAME]),
        ({"name": "x" * 256}, [LONG_NAME]),
        ({"name": 5}, ["Expected string, received number"]),
        ({"name": None}, ["Expected string, received null"]),
    ],
)
def test_a_name_that_breaks_rules_is_rejected(api, path, token, body, errors):
    assert_invalid(api.post(path, body, token=token), fields={"name": errors})
    assert not Share.objects.exists()


def test_a_website_has_a_limited_number_of_shares(api, website, path, token, monkeypatch):
    monkeypatch.setattr(new_share, "MAX_SHARES", 1)
    token_of_share(website)
    response = api.post(path, {"name": "Another"}, token=token)
    assert_error(response, 409, "CONFLICT", "A website has at most 100 shares")
    assert Share.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_only_the_last_that_fits_is_made(api, path, token, monkeypatch):
    monkeypatch.setattr(new_share, "MAX_SHARES", 1)
    make = lambda: api.post(path, {"name": "Agency"}, token=token).status_code  # noqa: E731
    assert sorted(run_concurrently(make, make, make)) == [201, 409, 409]
    assert Share.objects.count() == 1


def test_shares_go_with_their_website(website):
    token_of_share(website)
    website.delete()
    assert not Share.objects.exists()


def test_without_the_main_database_shares_are_unavailable(api, path, token, request):
    request.getfixturevalue("main_database_away")
    unavailable = (503, "SERVICE_UNAVAILABLE", "Storage is unavailable")
    assert_error(api.get(path, token=token), *unavailable)
