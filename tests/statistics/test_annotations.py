"""Annotations of websites: made, listed, changed, deleted"""

from datetime import UTC, date, datetime

import pytest

from analytics.reports.annotations import new_annotation
from config.db import uuid7
from tests.support.responses import assert_error, assert_invalid, assert_response, run_concurrently
from tests.support.shares import token_of_share
from tests.support.statistics import DATABASES
from tests.support.websites import NOT_FOUND, milliseconds_text
from websites import tokens
from websites.models import Annotation

pytestmark = pytest.mark.django_db(databases=DATABASES)
NO_ANNOTATION = (404, "NOT_FOUND", "Annotation not found")
DAY = date(2026, 10, 1)
SENT = {"at": "2026-10-01", "text": "New price list"}


@pytest.fixture
def path(website):
    return f"/api/v1/websites/{website.id}/annotations"


def annotate(website, text="New price list", when=DAY, **more):
    at = {"at": when} if isinstance(when, datetime) else {"day": when}
    return Annotation.objects.create(website=website, text=text, **at, **more)


def annotation_body(annotation, at="2026-10-01"):
    return {
        "id": str(annotation.id),
        "at": at,
        "text": annotation.text,
        "isPublic": annotation.is_public,
        "createdAt": milliseconds_text(uuid7.time_of(annotation.id)),
    }


def test_a_day_stays_a_day(api, website, path, token):
    response = api.post(path, SENT, token=token)
    annotation = Annotation.objects.get()
    assert (annotation.website, annotation.day, annotation.at) == (website, DAY, None)
    assert (annotation.text, annotation.is_public) == ("New price list", False)
    assert_response(response, 201, annotation_body(annotation))


def test_an_instant_is_shown_by_the_clock_of_the_website(api, website, path, token):
    website.change(timezone="Asia/Kathmandu")
    sent = {"at": "2026-10-01T09:30:00+02:00", "text": "<b>Sale</b>", "isPublic": True}
    response = api.post(path, sent, token=token)
    annotation = Annotation.objects.get()
    assert annotation.at == datetime(2026, 10, 1, 7, 30, tzinfo=UTC)
    assert annotation.day is None
    assert_response(response, 201, annotation_body(annotation, "2026-10-01T13:15:00+05:45"))


def test_annotations_are_listed_by_their_time(api, website, path, token, make_website, user):
    annotate(make_website(user, "other.example"))
    later = annotate(website, when=datetime(2026, 10, 1, 0, 0, 1, tzinfo=UTC))
    day = annotate(website)
    earlier = annotate(website, when=datetime(2026, 9, 30, 23, 59, tzinfo=UTC))
    bodies = [
        annotation_body(earlier, "2026-09-30T23:59:00+00:00"),
        annotation_body(day),
        annotation_body(later, "2026-10-01T00:00:01+00:00"),
    ]
    assert_response(api.get(path, token=token), 200, {"annotations": bodies, "total": 3})


def test_what_is_left_out_of_a_change_stays(api, website, path, token):
    annotation = annotate(website, is_public=True)
    url = f"{path}/{annotation.id}"
    response = api.put(url, {"at": "2026-10-02T00:00:00Z"}, token=token)
    annotation.refresh_from_db()
    assert (annotation.day, annotation.text, annotation.is_public) == (None, SENT["text"], True)
    assert_response(response, 200, annotation_body(annotation, "2026-10-02T00:00:00+00:00"))
    response = api.put(url, {"text": "Other", "isPublic": False, "at": "2026-10-01"}, token=token)
    annotation.refresh_from_db()
    assert_response(response, 200, annotation_body(annotation))
    assert (annotation.text, annotation.is_public) == ("Other", False)


def test_a_deleted_annotation_is_gone(api, website, path, token):
    url = f"{path}/{annotate(website).id}"
    deleted = {"success": True, "message": "Annotation deleted successfully"}
    assert_response(api.delete(url, token=token), 200, deleted)
    assert not Annotation.objects.exists()
    assert_error(api.delete(url, token=token), *NO_ANNOTATION)
    assert_error(api.put(url, {}, token=token), *NO_ANNOTATION)


@pytest.mark.parametrize("id", ["x", "%00", "019c0428-0ea0-7bae-841b-02c41ed0fd8a", "%FF"])
def test_an_unknown_annotation_is_not_found(api, website, path, token, id):
    annotate(website)
    assert_error(api.delete(f"{path}/{id}", token=token), *NO_ANNOTATION)
    assert_error(api.put(f"{path}/{id}", SENT, token=token), *NO_ANNOTATION)
    assert Annotation.objects.count() == 1


def test_annotations_are_their_owners_alone(api, website, path, make_user, make_website, user):
    annotation = annotate(website)
    other = annotate(make_website(user, "other.example"))
    owner = tokens.issue(user).access
    assert_error(api.delete(f"{path}/{other.id}", token=owner), *NO_ANNOTATION)
    assert_error(api.put(f"{path}/{other.id}", SENT, token=owner), *NO_ANNOTATION)
    stranger = tokens.issue(make_user("stranger@example.com")).access
    for response in (
        api.get(path, token=stranger),
        api.post(path, {}, token=stranger),
        api.put(f"{path}/{annotation.id}", {}, token=stranger),
        api.delete(f"{path}/{annotation.id}", token=stranger),
    ):
        assert_error(response, *NOT_FOUND)
    share = token_of_share(website)
    assert_error(api.get(path, token=share), 401, "UNAUTHORIZED", "Invalid or expired token")
    assert Annotation.objects.count() == 2


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        (
            {"at": "1.10.2026"},
            ["Expected YYYY-MM-DD, or an instant with an offset such as Z or +02:00"],
        ),
        (
            {"at": "2026-02-30"},
            ["Expected YYYY-MM-DD, or an instant with an offset such as Z or +02:00"],
        ),
        ({"at": "1999-12-31"}, ["Expected a date of the years 2000 to 2099"]),
        ({"at": 5}, ["Expected string, received number"]),
        ({"text": ""}, ["Text is required"]),
        ({"text": "x" * 501}, ["At most 500 characters are allowed"]),
        ({"isPublic": "yes"}, ["Expected boolean, received string"]),
    ],
)
def test_what_breaks_rules_is_rejected(api, website, path, token, change, errors):
    [field] = change
    assert_invalid(api.post(path, SENT | change, token=token), fields={field: errors})
    assert not Annotation.objects.exists()
    annotation = annotate(website)
    response = api.put(f"{path}/{annotation.id}", change, token=token)
    assert_invalid(response, fields={field: errors})


@pytest.mark.django_db(databases=DATABASES, transaction=True)
def test_of_two_at_once_only_the_last_that_fits_is_made(api, path, token, monkeypatch):
    monkeypatch.setattr(new_annotation, "MAX_ANNOTATIONS", 1)
    post = lambda: api.post(path, SENT, token=token).status_code  # noqa: E731
    assert sorted(run_concurrently(post, post)) == [201, 409]
    too_many = (409, "CONFLICT", "A website has at most 500 annotations")
    assert_error(api.post(path, SENT, token=token), *too_many)


def test_annotations_go_with_their_website(website):
    annotate(website)
    website.delete()
    assert not Annotation.objects.exists()
