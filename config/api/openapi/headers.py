"""Headers in the OpenAPI document: those of responses, and the key of a request."""

from collections.abc import Iterable
from typing import Any

from config.api.idempotency import HEADER, IdempotencyKey
from config.api.outcomes import Outcome
from config.api.view import endpoint


def header(about: str, *, required: bool = True, **schema: Any) -> dict[str, Any]:
    return {"description": about, "required": required, "schema": {"type": "string", **schema}}


def outcome_header(outcomes: Iterable[str], *, required: bool = True) -> dict[str, Any]:
    """Return the description of X-Event-Outcome with the values that occur."""
    values = list(outcomes)
    listed = ", ".join(f"`{value}`" for value in values)
    return header(f"What became of the event: {listed}.", required=required, enum=values)


def key_parameter(declared: endpoint) -> dict[str, Any]:
    """Return the description of Idempotency-Key; where batches come too, they ignore it."""
    schema = dict(IdempotencyKey.schema)
    about = schema.pop("description")
    if len(declared.serializers) > 1:
        about, schema = f"{about} Of single events only.", {"type": "string"}
    return {
        "name": HEADER,
        "in": "header",
        "required": False,
        "schema": schema,
        "description": about,
    }


HEADERS = {
    "X-Request-Id": header("A UUID made by the server for this request.", format="uuid"),
    "Cache-Control": header("Answers of the APIs are not kept.", const="no-store"),
    "X-Event-Outcome": outcome_header(outcome.value for outcome in Outcome),
    "Retry-After": header("Seconds until another try makes sense.", pattern="^[1-9][0-9]*$"),
    "WWW-Authenticate": header("The scheme that is needed.", const="Bearer"),
    "Allow": header("The methods of the path, comma separated."),
    "Access-Control-Allow-Origin": header(
        "Every page may read this answer; sent when the request has an `Origin`.",
        required=False,
        const="*",
    ),
    "Allowed-Origin": header(  # a component's name, unlike the others
        "The `Origin` of the request, if `CORS_ALLOWED_ORIGINS` lists it.", required=False
    ),
    "Access-Control-Expose-Headers": header(
        "The headers that such a page may read.", required=False
    ),
    "X-RateLimit-Limit": header("Events that a user may send in one window.", pattern="^[0-9]+$"),
    "X-RateLimit-Remaining": header("Events that are left in it.", pattern="^[0-9]+$"),
    "X-RateLimit-Reset": header("Unix time in seconds at which it ends.", pattern="^[0-9]+$"),
    "Content-Disposition": header("A name for the file."),
    "Set-Cookie": header("The cookie of the session, or its end."),
}
