"""What can go wrong at an endpoint: samples, worded by its own dialect."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from msgspec import to_builtins

from config.api import request_body
from config.api.bodies import Body
from config.api.errors import (
    ApiError,
    BadRequest,
    BodyTooLarge,
    Invalid,
    MethodNotAllowed,
    RateLimited,
    StorageUnavailable,
    UnsupportedMediaType,
)
from config.api.serializers import StrictSerializer
from config.api.view import (
    ApiView,
    allowed_methods,
    endpoint,
    endpoint_of,
    outcome_of,
)

REQUEST_ID = "7a1c0c52-5a5e-4a37-9a1f-2f0a6f0a9c33"
Sample = tuple[str, ApiError]  # what is wrong, in words for people, and in our own


@dataclass(frozen=True, slots=True)
class Refusal:
    """One way in which an endpoint refuses a request."""

    reason: str
    name: str
    status: int
    body: Any
    shape: Any
    headers: list[str]
    outcome: str | None


def refusals(view: type[ApiView], method: str, path: str) -> list[Refusal]:
    """Return all ways in which one method of a view refuses, by their status."""
    samples = _samples(view, method, path)
    return sorted((_worded(view, method, *each) for each in samples), key=lambda way: way.status)


def _worded(view: type[ApiView], method: str, reason: str, error: ApiError) -> Refusal:
    request = HttpRequest()
    request.request_id = REQUEST_ID  # type: ignore[attr-defined]
    here, dialect = endpoint_of(view, method), view.api.dialect
    status, body = dialect.describe(error, here.messages, request)
    headers = [*dialect.respond(error, here.messages, request).headers]
    headers.remove("Content-Type")
    is_told = here.ingest and not isinstance(error, MethodNotAllowed)
    outcome = outcome_of(error, status).value if is_told else None
    name = type(error).__name__
    shape = type(body) if isinstance(body, Body) else dialect.body_type(error)
    return Refusal(reason, name, status, to_builtins(body), shape, headers, outcome)


def _samples(view: type[ApiView], method: str, path: str) -> Iterator[Sample]:
    here = endpoint_of(view, method)
    for authentication in (here.authentication, here.optional_authentication):
        yield from map(_sample, getattr(authentication, "errors", ()))
    if here.rate:
        yield _sample(RateLimited(retry_after_seconds=42))
    yield _sample(BodyTooLarge(settings.MAX_BODY_BYTES))
    yield from _of_what_it_takes(here, method)
    yield from map(_sample, here.errors)
    yield _sample(BadRequest())
    yield _sample(MethodNotAllowed(allowed_methods(view)))
    yield "Nobody foresaw what went wrong", ApiError()
    if path.startswith("/api/"):  # health and metrics have answers of their own
        yield _sample(StorageUnavailable())


def _sample(error: ApiError) -> Sample:
    """Return an error with the sentence of its own, or else what its class says of it."""
    about = str(type(error).__doc__).partition(";")[0].removesuffix(".")
    return getattr(error, "message", None) or about, error


def _of_what_it_takes(here: endpoint, method: str) -> Iterator[Sample]:
    if not here.serializers:
        return
    taker = here.serializers[0]
    if method == "GET":
        nonsense = dict.fromkeys(taker.fields, "?")
        yield from _of_a_value(taker, nonsense, "The query makes no sense")
        return
    yield _sample(UnsupportedMediaType())
    yield from _of_a_value(taker, {}, "Fields are missing")
    yield from _of_a_value(taker, [], "The body is an array")
    try:
        request_body.parse(b'{"')
    except Invalid as error:
        yield "The body is cut off", error


def _of_a_value(serializer: StrictSerializer, value: Any, reason: str) -> Iterator[Sample]:
    try:
        serializer.to_internal_value(value)
    except Invalid as error:
        yield reason, error
