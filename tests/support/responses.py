"""Exact comparison of responses"""

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from django.db import connections

CHECKED_HEADERS = (
    *("Content-Type", "Cache-Control", "Retry-After", "WWW-Authenticate", "Allow"),
    *("X-Event-Outcome", "Set-Cookie", "Access-Control-Allow-Origin", "Location"),
)

NO_SPOOL = {"rows": 0, "bytes": 0, "oldestSeconds": None}  # as /health/ready has it


def assert_response(response, status, body, headers=None):
    """Demand this status, this JSON body, and of the headers in NAMED no others than these.

    A header that is None must not come, where such an answer usually has it.
    """
    assert (response.status_code, response.json()) == (status, body)
    assert UUID(response["X-Request-Id"]).version == 4
    expected = {"Content-Type": "application/json"}
    if response.wsgi_request.path_info.startswith("/api/"):
        expected["Cache-Control"] = "no-store"
        if status == 503:
            expected["Retry-After"] = "5"
    if status == 401:
        expected["WWW-Authenticate"] = "Bearer"
    result = {name: response[name] for name in CHECKED_HEADERS if name in response}
    expected |= headers or {}
    assert result == {name: value for name, value in expected.items() if value is not None}


def assert_error(response, status, code, message, headers=None):
    """Demand an error of the events dialect."""
    assert_response(response, status, {"error": code, "message": message}, headers)


def assert_invalid(response, *, fields=None, form=(), message="Invalid request body"):
    """Demand a validation error of the events dialect."""
    details = {"formErrors": list(form), "fieldErrors": fields or {}}
    body = {"error": "VALIDATION_ERROR", "message": message, "details": details}
    assert_response(response, 400, body)


def run_concurrently(*calls):
    """Return what calls give that threads make at the same moment."""
    barrier = threading.Barrier(len(calls))

    def run(call):
        barrier.wait()
        try:
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))
