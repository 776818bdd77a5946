"""The OpenAPI document's title, description and tags: settings of drf-spectacular."""

from typing import Any

from config.api.registry import APIS

DESCRIPTION = """\
Millrace collects events over HTTP, keeps every one that it acknowledged, and lets people see and
manage them.

* `X-Event-Outcome` tells the truth about each write. What was answered `stored` is committed.
* A UUIDv7 that the client chose makes sending again harmless: the header `Idempotency-Key`, or a
  field of an event that has one. The answer is then the same, and its outcome `duplicate`.
* Paths are exact: no trailing slash, no redirect. An unknown path is a 404, a known path with
  another method a 405. HEAD is answered wherever GET is.
* Bodies are JSON, whatever `Accept` says. Unknown fields are ignored; of a repeated key the last
  one counts. Refused is what could not be stored: NUL characters, numbers that are not finite, more
  than 64 levels. A lone surrogate, as in a text that was cut, is stored as U+FFFD.
* Pages of every origin may call the public routes, those of the origins in `CORS_ALLOWED_ORIGINS`
  the others too, never with credentials. Preflights allow every header. The cookie of a session
  counts from pages of this service alone, and where there is no `Authorization` header.
* The public routes also read JSON as `text/plain` and `application/x-www-form-urlencoded`: browsers
  send the first without a preflight, `curl -d` sends the second.
"""
SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The access token that register, login and refresh answer with.",
    },
    "share": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token of a share: it reads the statistics of one website.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "sessionid",
        "description": "The cookie that POST /api/v1/auth/session and the admin's login set.",
    },
}
SPECTACULAR: dict[str, Any] = {
    "OAS_VERSION": "3.1.1",
    "TITLE": "Millrace",
    "VERSION": "1",
    "DESCRIPTION": DESCRIPTION,
    "TAGS": [{"name": api.name, "description": api.description} for api in APIS],
    "SERVERS": [{"url": "/", "description": "This server"}],
    "APPEND_COMPONENTS": {"securitySchemes": SECURITY_SCHEMES},
    "POSTPROCESSING_HOOKS": [],  # the default one names enums, and finds our names ambiguous
    "SORT_OPERATIONS": False,  # they come in the order of the paths
    "GET_MOCK_REQUEST": "config.api.openapi.operations.no_request",
    "COMPONENT_SPLIT_PATCH": False,  # a PATCH of ours is no part of another object
}
