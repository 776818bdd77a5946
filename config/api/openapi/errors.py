"""Error responses of an endpoint: a sample of each error, as its dialect responds to it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from config.api import idempotency, request_body
from config.api.bodies import Body
from config.api.errors import (
    ApiError,
    BadRequest,
    BodyTooLarge,
    HttpsRequired,
    Invalid,
    MethodNotAllowed,
    RateLimited,
    RequestTimeout,
    StorageUnavailable,
    UnsupportedMediaType,
)
from config.api.serializers import StrictSerializer
from config.api.view import ApiView, allowed_methods, endpoint, endpoint_of, outcome_of

REQUEST_ID = "7a1c0c52-5a5e-4a37-9a1f-2f0a6f0a9c33"
Sample = tuple[str, ApiError]  # the reason in a sentence, and the error


@dataclass(frozen=True, slots=True)
class ErrorSample:
    """One error of an endpoint, and the response to it.

    `reason` is a sentence without its full stop, `name` that of the error's class; `outcome` is
    the X-Event-Outcome, None without one.
    """

    reason: str
    name: str
    status: int
    body: Body
    headers: list[str]
    outcome: str | None


def error_samples(view: type[ApiView], method: str, path: str) -> list[ErrorSample]:
    """Return samples of all errors of one method of a view, by their status."""
    samples = (
        _responded(view, method, reason, error) for reason, error in _samples(view, method, path)
    )
    return sorted(samples, key=lambda sample: sample.status)


def _responded(view: type[ApiView], method: str, reason: str, error: ApiError) -> ErrorSample:
    request = HttpRequest()
    request.request_id = REQUEST_ID  # type: ignore[attr-defined]
    declared, dialect = endpoint_of(view, method), view.api.dialect
    status, body = dialect.describe(error, declared.messages, request)
    headers = [*dialect.respond(error, declared.messages, request).headers]
    headers.remove("Content-Type")
    has_outcome = declared.ingest and not isinstance(error, MethodNotAllowed)
    outcome = outcome_of(error, status).value if has_outcome else None
    return ErrorSample(reason, type(error).__name__, status, body, headers, outcome)


def _samples(view: type[ApiView], method: str, path: str) -> Iterator[Sample]:
    declared = endpoint_of(view, method)
    for authentication in (declared.authentication, declared.optional_authentication):
        yield from map(_sample, getattr(authentication, "errors", ()))
    if declared.rate:
        yield _sample(RateLimited(retry_after_seconds=42))
    yield _sample(BodyTooLarge(declared.max_body_bytes))
    yield from _request_samples(declared, method)
    yield from map(_sample, declared.errors)
    yield _sample(BadRequest())
    if not path.startswith("/health/"):
        yield _sample(HttpsRequired())
    yield _sample(MethodNotAllowed(allowed_methods(view)))
    yield "Nobody foresaw what went wrong", ApiError()
    if path.startswith("/api/"):  # health and metrics have responses of their own
        yield _sample(StorageUnavailable())


def _sample(error: ApiError) -> Sample:
    """Return an error with its message, or else with what its class says of it."""
    about = str(type(error).__doc__).partition(";")[0].removesuffix(".")
    return getattr(error, "message", None) or about, error


def _request_samples(declared: endpoint, method: str) -> Iterator[Sample]:
    if not declared.serializers:
        return
    serializer = declared.serializers[0]
    if method == "GET":
        query = dict.fromkeys(serializer.fields, "?")
        yield from _invalid_samples(serializer, query, "The query makes no sense")
        return
    yield _sample(RequestTimeout())
    yield _sample(UnsupportedMediaType())
    yield from _invalid_samples(serializer, {}, "Fields are missing")
    if not declared.array:
        yield from _invalid_samples(serializer, [], "The body is an array")
    yield from _raised("The body is cut off", lambda: request_body.parse(b'{"'))
    if declared.takes_key:
        request = HttpRequest()
        request.META["HTTP_IDEMPOTENCY_KEY"] = "1"
        yield from _raised("The idempotency key is invalid", lambda: idempotency.key_of(request))


def _invalid_samples(serializer: StrictSerializer, data: Any, reason: str) -> Iterator[Sample]:
    yield from _raised(reason, lambda: serializer.run_validation(data))


def _raised(reason: str, call: Callable[[], Any]) -> Iterator[Sample]:
    try:
        call()
    except Invalid as error:
        yield reason, error
