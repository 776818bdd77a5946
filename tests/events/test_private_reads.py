"""Reads of events while public reads are off"""

import jwt
import pytest

from analytics.events.models import Event
from tests.support.events import AT_MS, ID, PATH, event_of, new_id
from tests.support.responses import assert_error
from tests.support.runtime_settings import OFF, change_settings
from websites import tokens

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

NO_HEADER = (401, "UNAUTHORIZED", "Missing or invalid authorization header")
BAD_TOKEN = (401, "UNAUTHORIZED", "Invalid or expired token")
NO_SITE = (404, "NOT_FOUND", "Website not found")
NO_EVENT = (404, "NOT_FOUND", "Event not found")


@pytest.fixture
def stranger(make_user):
    return tokens.issue(make_user("stranger@example.com")).access


@pytest.fixture(params=["list", "event"])
def read(request, api, website):
    """Read the website's events, or the one event that it has."""
    api.post(PATH, event_of(website, id=ID))
    path, query = PATH, {"trackingCode": website.tracking_code}
    if request.param == "event":
        path, query = f"{PATH}/{ID}", {}
    return lambda **more: api.get(path, query, **more)


@pytest.mark.parametrize("text", OFF)
def test_while_reads_are_private_the_owner_alone_may_read(read, token, stranger, text, request):
    change_settings(public_event_reads=text)
    hidden = NO_SITE if "list" in request.node.name else NO_EVENT
    assert_error(read(), *NO_HEADER)
    assert_error(read(token=stranger), *hidden)
    response = read(token=token)
    assert response.status_code == 200
    assert ID in response.content.decode()


@pytest.mark.parametrize(
    ("authorization", "refusal"),
    [
        ("", NO_HEADER),
        ("Bearer", NO_HEADER),
        ("Bearer ", NO_HEADER),
        ("bearer {token}", NO_HEADER),
        ("BEARER {token}", NO_HEADER),
        ("Basic {token}", NO_HEADER),
        ("Token {token}", NO_HEADER),
        ("{token}", NO_HEADER),
        ("Bearer junk", BAD_TOKEN),
        ("Bearer a.b.c", BAD_TOKEN),
        ("Bearer {token}x", BAD_TOKEN),
        ("Bearer {refresh}", BAD_TOKEN),
        ("Bearer {unsigned}", BAD_TOKEN),
    ],
)
def test_while_reads_are_private_a_valid_token_is_needed(read, user, token, authorization, refusal):
    change_settings(public_event_reads="false")
    claims = jwt.decode(token, options={"verify_signature": False})
    header = authorization.format(
        token=token, refresh=tokens.issue(user).refresh, unsigned=jwt.encode(claims, "", "none")
    )
    assert_error(read(headers={"Authorization": header}), *refusal)
    assert read(token=token).status_code == 200


def test_while_reads_are_private_the_user_must_be_active(read, user, token):
    change_settings(public_event_reads="false")
    user.is_active = False
    user.save()
    assert_error(read(token=token), *BAD_TOKEN)


def test_reads_are_public_by_default(read, stranger):
    assert read().status_code == 200
    assert read(token=stranger).status_code == 200


def test_while_reads_are_private_checks_come_in_their_order(api, website, token):
    change_settings(public_event_reads="false")
    query = {"cursor": "abc", "trackingCode": "pm-nobody"}
    missing = (400, "MISSING_PARAMETER", "trackingCode query parameter is required")
    assert_error(api.get(PATH, {"cursor": "abc"}), *missing)
    assert_error(api.get(PATH, query), *NO_HEADER)
    assert api.get(PATH, query, token=token).status_code == 400
    del query["cursor"]
    assert_error(api.get(PATH, query, token=token), *NO_SITE)
    assert api.delete(PATH).status_code == 405


@pytest.mark.parametrize("id", ["abc", new_id(AT_MS)], ids=["no uuid", "unknown"])
def test_while_reads_are_private_an_unknown_event_needs_a_token_too(api, token, id):
    change_settings(public_event_reads="false")
    assert_error(api.get(f"{PATH}/{id}"), *NO_HEADER)
    assert_error(api.get(f"{PATH}/{id}", token=token), *NO_EVENT)


def test_events_are_taken_in_while_reads_are_private(api, website):
    change_settings(public_event_reads="false")
    assert api.post(PATH, event_of(website)).status_code == 201
    assert Event.objects.count() == 1
