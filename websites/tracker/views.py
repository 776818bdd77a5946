"""GET /tracker.js"""

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.views.decorators.csrf import csrf_exempt

from config.api.errors import MethodNotAllowed
from config.api.registry import EVENTS
from config.api.view import endpoint, error_response
from websites.tracker.script import Variant, variant_for

METHODS = ["GET", "HEAD"]
HEADERS = {
    "Cache-Control": "public, max-age=3600",
    "Vary": "Accept-Encoding",
    # A cache may keep the response to a request without Origin for one with it.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


@csrf_exempt
def tracker_js(request: HttpRequest) -> HttpResponseBase:
    """Send the tracking script, or 304 to a browser that has it."""
    if request.method not in METHODS:
        return error_response(request, MethodNotAllowed(METHODS), EVENTS, endpoint())
    variant = variant_for(request.headers.get("Accept-Encoding", ""))
    response = get_conditional_response(request, variant.etag, response=_response(variant))
    assert response
    for name, value in (HEADERS | {"ETag": variant.etag}).items():
        response[name] = value
    return response


def _response(variant: Variant) -> HttpResponse:
    response = HttpResponse(variant.content, content_type="text/javascript; charset=utf-8")
    if variant.encoding != "identity":
        response["Content-Encoding"] = variant.encoding
    return response
