"""Goals and funnels of websites: their definitions"""

from typing import Any

import pytest

from config.db import uuid7
from tests.support.responses import assert_error, assert_invalid, assert_response, run_concurrently
from tests.support.websites import NOT_FOUND, PATH, milliseconds_text
from websites import tokens
from websites.goal_models import MAX_PER_WEBSITE, Funnel, Goal

pytestmark = pytest.mark.django_db

GOAL = {
    "name": "Purchase",
    "kind": "event",
    "value": "purchase",
    "properties": [{"key": "plan", "operator": "is", "values": ["pro", "team"]}],
    "revenueProperty": "amount",
}
PAGE_STEP = {"kind": "page", "value": "/products/*", "properties": []}
EVENT_STEP = {name: GOAL[name] for name in ("kind", "value", "properties")}
FUNNEL = {
    "name": "Checkout",
    "steps": [PAGE_STEP, EVENT_STEP],
    "scope": "visitor",
    "windowDays": 7,
    "order": "strict",
}
KINDS = [("goals", Goal, GOAL, "Goal"), ("funnels", Funnel, FUNNEL, "Funnel")]
of_both = pytest.mark.parametrize(("path", "model", "sent", "label"), KINDS)


@pytest.fixture
def base(website):
    return f"{PATH}/{website.id}"


def body_of(stored, sent):
    """Return how the API has to show what was stored."""
    ids = {"id": str(stored.id), "websiteId": str(stored.website_id)}
    return ids | sent | {"createdAt": milliseconds_text(stored.created_at)}


@of_both
def test_what_is_made_can_be_read_listed_and_deleted(call, base, path, model, sent, label):
    response = call("post", f"{base}/{path}", sent)
    stored = model.objects.get()
    body = body_of(stored, sent)
    assert_response(response, 201, body)
    assert_response(call("get", f"{base}/{path}/{stored.id}"), 200, body)
    assert_response(call("get", f"{base}/{path}"), 200, {path: [body], "total": 1})
    deleted = {"success": True, "message": f"{label} deleted successfully"}
    assert_response(call("delete", f"{base}/{path}/{stored.id}"), 200, deleted)
    assert not model.objects.exists()
    assert_response(call("get", f"{base}/{path}"), 200, {path: [], "total": 0})


def test_the_least_that_is_needed(call, base):
    goal = {"name": "Thanks", "kind": "page", "value": "/thanks"}
    response = call("post", f"{base}/goals", goal)
    more: dict[str, Any] = {"properties": [], "revenueProperty": None}
    assert_response(response, 201, body_of(Goal.objects.get(), {**goal, **more}))
    step: dict[str, Any] = {"kind": "page", "value": "**"}
    funnel = {"name": "F", "steps": [step, step]}
    response = call("post", f"{base}/funnels", funnel)
    step |= {"properties": []}
    whole = {
        "name": "F",
        "steps": [step, step],
        "scope": "session",
        "windowDays": None,
        "order": "sequential",
    }
    assert_response(response, 201, body_of(Funnel.objects.get(), whole))


@of_both
def test_a_change_leaves_the_rest_and_takes_what_was_read(call, base, path, model, sent, label):
    id = call("post", f"{base}/{path}", sent).json()["id"]
    response = call("put", f"{base}/{path}/{id}", {"name": "Renamed"})
    body = body_of(model.objects.get(), sent | {"name": "Renamed"})
    assert_response(response, 200, body)
    assert_response(call("put", f"{base}/{path}/{id}", body), 200, body)
    assert_response(call("put", f"{base}/{path}/{id}"), 200, body)


def test_a_change_must_fit_what_stays(call, base):
    id = call("post", f"{base}/goals", GOAL).json()["id"]
    response = call("put", f"{base}/goals/{id}", {"kind": "page", "value": "/thanks"})
    needs = ["Needs kind=event"]
    assert_invalid(
        response,
        fields={"properties": needs, "revenueProperty": needs},
        message="Invalid request body",
    )
    assert Goal.objects.get().kind == "event"
    id = call("post", f"{base}/funnels", FUNNEL).json()["id"]
    response = call("put", f"{base}/funnels/{id}", {"scope": "session"})
    assert_invalid(
        response, fields={"windowDays": ["Needs scope=visitor"]}, message="Invalid request body"
    )


TEXT, LONG = "Expected string, received {}", "String must contain at most {} character(s)"
SHORT = "String must contain at least 1 character(s)"
ENUM = "Invalid enum value. Expected {}, received '{}'"


@pytest.mark.parametrize(
    ("field", "value", "messages"),
    [
        ("name", "", [SHORT]),
        ("name", "x" * 256, [LONG.format(255)]),
        ("name", None, [TEXT.format("null")]),
        ("kind", "click", [ENUM.format("'page' | 'event'", "click")]),
        ("kind", 5, ["Expected 'page' | 'event', received number"]),
        ("value", "", [SHORT]),
        ("value", "x" * 2049, [LONG.format(2048)]),
        ("value", "$engagement", ["Names that begin with $ are reserved"]),
        ("value", {}, [TEXT.format("object")]),
        ("properties", {}, ["Expected array, received object"]),
        ("properties", [{}], ["Required", "Required", "Required"]),
        (
            "properties",
            [EVENT_STEP["properties"][0]] * 11,
            ["Array must contain at most 10 element(s)"],
        ),
        ("properties", [{"key": "", "operator": "is", "values": ["a"]}], [SHORT]),
        (
            "properties",
            [{"key": "k", "operator": "is", "values": []}],
            ["Array must contain at least 1 element(s)"],
        ),
        (
            "properties",
            [{"key": "k", "operator": "known", "values": ["yes"]}],
            ["Expected one of true and false with known"],
        ),
        ("revenueProperty", "", [SHORT]),
        ("revenueProperty", "x" * 256, [LONG.format(255)]),
        ("revenueProperty", 5, [TEXT.format("number")]),
    ],
)
def test_a_broken_goal_is_explained(call, base, field, value, messages):
    response = call("post", f"{base}/goals", GOAL | {field: value})
    assert_invalid(response, fields={field: messages}, message="Invalid request body")
    assert not Goal.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field", "messages"),
    [
        ({"name": ""}, "name", [SHORT]),
        ({"steps": [PAGE_STEP]}, "steps", ["Array must contain at least 2 element(s)"]),
        ({"steps": [PAGE_STEP] * 11}, "steps", ["Array must contain at most 10 element(s)"]),
        ({"steps": None}, "steps", ["Expected array, received null"]),
        (
            {"steps": [PAGE_STEP, {"kind": "page", "value": "thanks"}]},
            "steps",
            ["Expected a path or a pattern such as /blog/*"],
        ),
        (
            {"steps": [PAGE_STEP, PAGE_STEP | EVENT_STEP | {"kind": "page", "value": "/"}]},
            "steps",
            ["Needs kind=event"],
        ),
        ({"scope": "user"}, "scope", [ENUM.format("'session' | 'visitor'", "user")]),
        ({"scope": "session"}, "windowDays", ["Needs scope=visitor"]),
        ({"windowDays": None}, "windowDays", ["Required with scope=visitor"]),
        ({"windowDays": 0}, "windowDays", ["Number must be greater than or equal to 1"]),
        ({"windowDays": 91}, "windowDays", ["Number must be less than or equal to 90"]),
        ({"windowDays": 1.5}, "windowDays", ["Expected integer, received number"]),
        ({"order": "any"}, "order", [ENUM.format("'sequential' | 'strict'", "any")]),
    ],
)
def test_a_broken_funnel_is_explained(call, base, changes, field, messages):
    response = call("post", f"{base}/funnels", FUNNEL | changes)
    assert_invalid(response, fields={field: messages}, message="Invalid request body")
    assert not Funnel.objects.exists()


@of_both
def test_a_name_is_taken_once_for_each_website(
    call, base, make_website, user, path, model, sent, label
):
    id = call("post", f"{base}/{path}", sent).json()["id"]
    taken = (409, "CONFLICT", f"This website has a {label.lower()} of this name")
    assert_error(call("post", f"{base}/{path}", sent), *taken)
    call("post", f"{base}/{path}", sent | {"name": "Other"})
    assert_error(call("put", f"{base}/{path}/{id}", {"name": "Other"}), *taken)
    other = make_website(user, "other.example")
    assert call("post", f"{PATH}/{other.id}/{path}", sent).status_code == 201
    assert model.objects.count() == 3


@of_both
def test_a_website_has_a_limited_number(call, base, website, path, model, sent, label):
    id = call("post", f"{base}/{path}", sent).json()["id"]
    values = model.objects.filter(pk=id).values().get()
    for n in range(MAX_PER_WEBSITE - 1):
        model.objects.create(**values | {"id": uuid7.new_id_now(), "name": str(n)})
    response = call("post", f"{base}/{path}", sent | {"name": "One more"})
    assert_error(response, 409, "CONFLICT", f"A website may have at most 50 {path}")
    assert model.objects.count() == MAX_PER_WEBSITE


@of_both
@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_what_is_not_there_is_not_found(
    call, base, make_website, user, stranger, path, model, sent, label, method
):
    id = call("post", f"{base}/{path}", sent).json()["id"]
    other = make_website(user, "other.example")
    not_found = (404, "NOT_FOUND", f"{label} not found")
    for missing in ("x", "%00", "019c0428-0ea0-7bae-841b-02c41ed0fd8a"):
        assert_error(call(method, f"{base}/{path}/{missing}"), *not_found)
    assert_error(call(method, f"{PATH}/{other.id}/{path}/{id}"), *not_found)
    as_stranger = tokens.issue(stranger).access
    assert_error(call(method, f"{base}/{path}/{id}", as_token=as_stranger), *NOT_FOUND)
    assert model.objects.count() == 1


@of_both
def test_a_stranger_can_neither_list_nor_make(call, base, stranger, path, model, sent, label):
    as_stranger = tokens.issue(stranger).access
    assert_error(call("get", f"{base}/{path}", as_token=as_stranger), *NOT_FOUND)
    assert_error(call("post", f"{base}/{path}", {}, as_token=as_stranger), *NOT_FOUND)
    response = call("get", f"{base}/{path}", as_token=None)
    assert_error(response, 401, "UNAUTHORIZED", "Missing or invalid authorization header")


@of_both
def test_they_go_with_their_website(call, base, website, path, model, sent, label):
    call("post", f"{base}/{path}", sent)
    assert call("delete", base).status_code == 200
    assert not model.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_gets_the_name(call, base):
    responses = run_concurrently(
        lambda: call("post", f"{base}/goals", GOAL), lambda: call("post", f"{base}/goals", GOAL)
    )
    assert sorted(response.status_code for response in responses) == [201, 409]
    assert Goal.objects.count() == 1
