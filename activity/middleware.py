"""The middleware of the recorder; the outermost one, so that it sees all of a request."""

import time
from collections.abc import Callable
from functools import partial

from django.http import HttpRequest, HttpResponseBase

from activity import recorder
from config.db import uuid7

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def record(get_response: GetResponse) -> GetResponse:
    """Record each request after its response, so that no client waits for it."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        begun, begun_ms = time.perf_counter(), uuid7.now_ms()
        response = get_response(request)
        if recorder.is_recorded(request.path_info):
            timing = recorder.RequestTiming(
                begun_ms=begun_ms,
                duration_ms=round((time.perf_counter() - begun) * 1000),
                status_code=response.status_code,
            )
            # Servers close a response after they have sent it.
            record_it = partial(recorder.record_request, request, timing)
            response._resource_closers.append(record_it)  # type: ignore[attr-defined]
        return response

    return middleware
