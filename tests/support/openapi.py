"""Responses against the OpenAPI description"""

import json
import re
from functools import cache

from django.conf import settings
from django.urls import Resolver404
from jsonschema_rs import Draft202012Validator

from config.api.openapi.document import document

# Headers that the description must name where they come; others are the server's business.
NAMED = (
    *("X-Request-Id", "X-Event-Outcome", "Retry-After", "WWW-Authenticate", "Allow"),
    *("Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Set-Cookie"),
    *("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"),
)


def assert_described(response):
    """Demand that a response of an endpoint is described."""
    request = response.wsgi_request
    method = "get" if request.method == "HEAD" else request.method.lower()
    operation = operation_of(response.resolver_match, method)
    if operation is None:
        return
    label = f"{request.method} {request.path} {response.status_code}"
    described = operation["responses"].get(str(response.status_code))
    assert described, f"{label} is not described"
    assert_headers(label, response, described.get("headers", {}))
    assert_body(label, response, described.get("content", {}), is_head=request.method == "HEAD")


def operation_of(match, method):
    """Return the operation of a route, None where it has none: an admin page, a 405."""
    if settings.ROOT_URLCONF != "config.urls":
        return None
    try:
        path = "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", match.route)
    except Resolver404:  # the client finds the route when it is asked for it
        return None
    operation = document()["paths"].get(path, {}).get(method)
    return operation if operation and operation["responses"].keys() & SUCCESSES else None


SUCCESSES = {"200", "201", "202", "204"}


def assert_headers(label, response, described):
    """Demand the headers that always come, each with a value that it may have."""
    names = {name for name in NAMED if name in response}
    assert names <= described.keys(), f"{label} has headers that are not described"
    for name, header in described.items():
        header = resolved(header)
        if name in response:
            assert validator(json.dumps(header["schema"])).is_valid(response[name]), (label, name)
        else:
            assert not header["required"], f"{label} lacks {name}"


def assert_body(label, response, described, *, is_head):
    """Demand a content type that is described, and a body that its schema accepts."""
    if not described:
        assert response.content == b"", label
        return
    [(media_type, content)] = described.items()
    assert response["Content-Type"].partition(";")[0] == media_type, label
    if media_type == "application/json" and not is_head:
        schema = validator(json.dumps(content["schema"]))
        for error in schema.iter_errors(json.loads(response.content)):
            raise AssertionError(f"{label} {response.content[:500]!r}: {error}")


def resolved(part):
    """Return what a part of the description refers to, or the part itself."""
    if "$ref" in part:
        _, _, kind, name = part["$ref"].split("/")
        return document()["components"][kind][name]
    return part


@cache
def validator(schema):
    """Return a validator for the JSON text of a schema that may refer to components."""
    whole = json.loads(schema) | {"components": document()["components"]}
    return Draft202012Validator(whole, validate_formats=True)
