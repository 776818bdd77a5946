"""What the description says of the service as a whole: settings of drf-spectacular."""

from typing import Any

DESCRIPTION = """\
Millrace collects events over HTTP, keeps every one that it acknowledged, and lets people see and
manage them.

* `X-Event-Outcome` tells the truth about each write. What was answered `stored` is committed.
* Paths are exact: no trailing slash, no redirect. An unknown path is a 404, a known path with
  another method a 405. HEAD is answered wherever GET is.
* Bodies are JSON, whatever `Accept` says. Unknown fields are ignored; of a repeated key the last
  one counts. Refused is what could not be stored: NUL characters, lone surrogates, numbers that are
  not finite, more than 64 levels.
* A browser may post to the public routes as `text/plain`, which needs no preflight.
"""
TAGS = {
    "events": "Page views, clicks and custom events of websites with tracking codes.",
    "track": "Funnel events of logged-in users; sessions and page views of visitors.",
    "activity": "What happens in front ends.",
    "collect": "Interaction events of logged-in browsers.",
    "platform": "Categorised product events, single and batched, and statistics.",
    "accounts": "Register, log in, stay logged in, log out.",
    "websites": "A user's websites and their tracking codes.",
    "health": "Whether the service is well, and what it counts.",
}
# Where an API speaks the dialect of another one.
PLACES = {
    "/api/v1/auth/": "accounts",
    "/api/v1/websites": "websites",
    "/health/": "health",
    "/metrics": "health",
}
SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The access token that register, login and refresh answer with.",
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
    "TAGS": [{"name": name, "description": about} for name, about in TAGS.items()],
    "SERVERS": [{"url": "/", "description": "This server"}],
    "APPEND_COMPONENTS": {"securitySchemes": SECURITY_SCHEMES},
    "POSTPROCESSING_HOOKS": [],  # the default one names enums, and finds our names ambiguous
    "SORT_OPERATIONS": False,  # they come in the order of the paths
    "GET_MOCK_REQUEST": "config.api.openapi.operations.no_request",
    "COMPONENT_SPLIT_PATCH": False,  # a PATCH of ours is no part of another object
}
