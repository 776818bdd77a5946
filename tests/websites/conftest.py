"""Fixtures of the tests of the websites API"""

import pytest

PATH = "/api/v1/websites"


@pytest.fixture
def call(api, token):
    """Send a request as the user."""

    def send(method, path, body=b"", *, as_token=token, content_type="application/json"):
        request = getattr(api, method)
        return request(path, body, content_type=content_type, token=as_token)

    return send


@pytest.fixture
def post(call):
    return lambda body, **more: call("post", PATH, body, **more)


@pytest.fixture
def put(call, website):
    return lambda body, **more: call("put", f"{PATH}/{website.id}", body, **more)


@pytest.fixture
def stranger(make_user):
    return make_user("stranger@example.com")
