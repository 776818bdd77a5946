"""Content-Length of responses"""

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from config.middleware import request_id

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])


@pytest.mark.parametrize("path", ["/health/live", "/nothing", "/api/v1/websites", "/admin/login/"])
def test_a_response_has_a_content_length(api, path):
    response = api.get(path)
    assert response["Content-Length"] == str(len(response.content))


def test_a_preflight_has_a_content_length_of_zero(api):
    preflight = {"Origin": "https://any.example", "Access-Control-Request-Method": "POST"}
    assert api.options("/api/v1/events", headers=preflight)["Content-Length"] == "0"


@pytest.mark.parametrize("status", [204, 304])
def test_a_response_without_a_body_has_no_content_length(status):
    response = request_id(lambda request: HttpResponse(status=status))(RequestFactory().get("/"))
    assert "Content-Length" not in response
