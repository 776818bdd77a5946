"""Segments of websites: made, listed, deleted"""

from urllib.parse import urlencode

import pytest

from analytics.reports.segments import new_segment
from config.db import uuid7
from tests.support.events import PATH, event_of
from tests.support.responses import assert_error, assert_invalid, assert_response, run_concurrently
from tests.support.shares import token_of_share
from tests.support.statistics import DATABASES
from tests.support.websites import NOT_FOUND, milliseconds_text
from websites import tokens
from websites.models import Segment

pytestmark = pytest.mark.django_db(databases=DATABASES)
SEGMENT_NOT_FOUND = (404, "NOT_FOUND", "Segment not found")
QUERY = "country=DE&country=AT&page__matches=%2Fblog%2F%2A%2A"


@pytest.fixture
def path(website):
    return f"/api/v1/websites/{website.id}/segments"


@pytest.fixture
def stranger_token(make_user):
    return tokens.issue(make_user("stranger@example.com")).access


def keep(website, name="Readers", query=QUERY):
    return Segment.objects.create(website=website, name=name, query=query)


def segment_body(segment):
    created = milliseconds_text(uuid7.time_of(segment.id))
    return {
        "id": str(segment.id),
        "name": segment.name,
        "query": segment.query,
        "createdAt": created,
    }


def test_conditions_are_kept_under_a_name(api, website, path, token):
    sent = {"name": "Readers", "query": "country=DE&country=AT&country=DE&page__matches=/blog/**"}
    response = api.post(path, sent, token=token)
    segment = Segment.objects.get()
    assert (segment.website, segment.name, segment.query) == (website, "Readers", QUERY)
    assert_response(response, 201, segment_body(segment))


def test_segments_are_listed_by_name(api, website, path, token, make_website, user):
    keep(make_website(user, "other.example"))
    listed = [keep(website, name) for name in ("Buyers", "Readers")]
    body = {"segments": [segment_body(each) for each in listed], "total": 2}
    assert_response(api.get(path, token=token), 200, body)


def test_the_query_of_a_segment_is_one_of_the_statistics(ask, api, website):
    api.post(PATH, event_of(website, location="DE", url="https://example.com/blog/a"))
    api.post(PATH, event_of(website, location="DE", visitorId="v2", sessionId="s2"))
    body = ask(keep(website).query).json()
    assert body["totals"]["metrics"]["visitors"] == 1
    assert body["meta"]["filters"] == [
        ["country", "is", ["DE", "AT"]],
        ["page", "matches", ["/blog/**"]],
    ]


def test_a_deleted_segment_is_gone(api, website, path, token):
    segment = keep(website)
    deleted = {"success": True, "message": "Segment deleted successfully"}
    assert_response(api.delete(f"{path}/{segment.id}", token=token), 200, deleted)
    assert not Segment.objects.exists()
    assert_error(api.delete(f"{path}/{segment.id}", token=token), *SEGMENT_NOT_FOUND)


@pytest.mark.parametrize("id", ["x", "%00", "019c0428-0ea0-7bae-841b-02c41ed0fd8a", "%FF"])
def test_an_unknown_segment_is_not_found(api, website, path, token, id):
    keep(website)
    assert_error(api.delete(f"{path}/{id}", token=token), *SEGMENT_NOT_FOUND)
    assert Segment.objects.count() == 1


def test_a_segment_of_another_website_is_not_found(api, path, token, make_website, user):
    segment = keep(make_website(user, "other.example"))
    assert_error(api.delete(f"{path}/{segment.id}", token=token), *SEGMENT_NOT_FOUND)
    assert Segment.objects.count() == 1


def test_segments_are_their_owners_alone(api, path, website, stranger_token):
    segment = keep(website)
    for response in (
        api.get(path, token=stranger_token),
        api.post(path, {}, token=stranger_token),
        api.delete(f"{path}/{segment.id}", token=stranger_token),
    ):
        assert_error(response, *NOT_FOUND)
    share = token_of_share(website)
    assert_error(api.get(path, token=share), 401, "UNAUTHORIZED", "Invalid or expired token")
    missing = (401, "UNAUTHORIZED", "Missing or invalid authorization header")
    assert_error(api.get(path), *missing)
    assert Segment.objects.count() == 1


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("", ["At least one condition is required"]),
        ("?country=DE", ["Unknown parameter"]),
        ("period=7d", ["Unknown parameter"]),
        ("country=", ["String must contain at least 1 character(s)"]),
        ("page=a%00b", ["NUL characters are not allowed"]),
        ("x" * 8001, ["At most 8000 characters are allowed"]),
        (urlencode([("page", n) for n in range(51)]), ["At most 50 values are allowed"]),
        (5, ["Expected string, received number"]),
        (None, ["Expected string, received null"]),
    ],
)
def test_filters_that_make_no_sense_are_rejected(api, path, token, query, errors):
    response = api.post(path, {"name": "Readers", "query": query}, token=token)
    assert_invalid(response, fields={"query": errors})
    assert not Segment.objects.exists()


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("", "Segment name is required"),
        ("x" * 256, "Segment name must be less than 255 characters"),
        (5, "Expected string, received number"),
    ],
)
def test_a_name_that_breaks_rules_is_rejected(api, path, token, name, error):
    response = api.post(path, {"name": name, "query": QUERY}, token=token)
    assert_invalid(response, fields={"name": [error]})
    assert not Segment.objects.exists()


@pytest.mark.django_db(databases=DATABASES, transaction=True)
def test_of_two_of_one_name_only_one_is_kept(api, path, token):
    sent = {"name": "Readers", "query": QUERY}
    post = lambda: api.post(path, sent, token=token).status_code  # noqa: E731
    assert sorted(run_concurrently(post, post)) == [201, 409]
    taken = (409, "CONFLICT", "This website has a segment of this name")
    assert_error(api.post(path, sent, token=token), *taken)
    assert Segment.objects.count() == 1


def test_a_website_has_a_limited_number_of_segments(api, website, path, token, monkeypatch):
    monkeypatch.setattr(new_segment, "MAX_SEGMENTS", 1)
    keep(website)
    response = api.post(path, {"name": "More", "query": QUERY}, token=token)
    assert_error(response, 409, "CONFLICT", "A website has at most 100 segments")


def test_segments_go_with_their_website(website):
    keep(website)
    website.delete()
    assert not Segment.objects.exists()
