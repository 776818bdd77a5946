"""The middleware of the recorder; the outermost one, so that it sees all of a request."""

import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from activity import recorder
from activity.facts import RequestFacts
from config.db import uuid7

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def record(get_response: GetResponse) -> GetResponse:
    """Hand the facts of each request to the recorder, which makes its row later."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        begun, begun_ms = time.perf_counter(), uuid7.now_ms()
        response = get_response(request)
        if recorder.is_recorded(request.path_info):
            duration_ms = round((time.perf_counter() - begun) * 1000)
            recorder.record_request(
                RequestFacts.of(
                    request,
                    begun_ms=begun_ms,
                    duration_ms=duration_ms,
                    status_code=response.status_code,
                )
            )
        return response

    return middleware
