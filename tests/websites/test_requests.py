"""/api/v1/websites: authentication, methods, order of checks and failures of storage"""

import pytest

from tests.support.responses import assert_error
from tests.support.websites import GOOD, NOT_FOUND, PATH
from websites import tokens

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("method", ["get", "put", "delete"])
@pytest.mark.parametrize(
    "id", ["x", "%00", "1", "{019c0427-2440-74f8-996d-a763b7a969b1}", "é" * 2000, "%FF"]
)
def test_an_invalid_id_is_not_found(call, method, id):
    assert_error(call(method, f"{PATH}/{id}"), *NOT_FOUND)


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_a_website_of_another_user_is_not_found(call, website, stranger, method):
    path, as_stranger = f"{PATH}/{website.id}", tokens.issue(stranger).access
    body = b"" if method != "put" else {"name": "Mine"}
    assert_error(call(method, path, body, as_token=as_stranger), *NOT_FOUND)
    website.refresh_from_db()
    assert website.name == "My Website"
    assert call(method, path, body).status_code == 200


def test_checks_come_in_their_order(api, call, settings, website):
    settings.MAX_BODY_BYTES = 100
    path, unknown = f"{PATH}/{website.id}", f"{PATH}/{website.user_id}"
    long, wrong_type = {"name": "x" * 100}, "application/x-www-form-urlencoded"
    junk = {"as_token": "junk"}

    assert call("patch", unknown, long, **junk).status_code == 405
    assert call("put", unknown, long, **junk).status_code == 401
    assert call("put", unknown, long).status_code == 413
    assert call("delete", unknown, long).status_code == 413
    assert call("put", unknown, "{", content_type=wrong_type).status_code == 404
    assert call("put", path, "{", content_type=wrong_type).status_code == 415
    assert call("put", path, "{").status_code == 400
    assert call("post", PATH, long).status_code == 413
    assert call("post", PATH, "{", content_type=wrong_type).status_code == 415
    assert call("post", PATH, "{").status_code == 400
    taken = {"name": "", "domain": website.domain}
    assert call("post", PATH, taken).status_code == 400
    assert call("post", PATH, taken | {"name": "x"}).status_code == 409


@pytest.mark.parametrize(
    ("path", "method", "allow"),
    [
        (PATH, "put", "GET, POST, HEAD"),
        (PATH, "options", "GET, POST, HEAD"),
        (f"{PATH}/x", "post", "GET, PUT, DELETE, HEAD"),
        (f"{PATH}/x", "patch", "GET, PUT, DELETE, HEAD"),
    ],
)
def test_other_methods_are_rejected_before_anything_else(api, path, method, allow):
    response = getattr(api, method)(path)
    assert_error(response, 405, "METHOD_NOT_ALLOWED", "Method not allowed", {"Allow": allow})


@pytest.mark.parametrize(("method", "path"), [("get", PATH), ("post", PATH), ("put", f"{PATH}/x")])
def test_without_a_token_requests_are_rejected(api, method, path):
    message = "Missing or invalid authorization header"
    assert_error(getattr(api, method)(path), 401, "UNAUTHORIZED", message)


@pytest.mark.usefixtures("unrecorded")
def test_a_list_costs_one_query_more_than_its_token(call, django_assert_num_queries):
    with django_assert_num_queries(2):
        call("get", PATH)
    with django_assert_num_queries(1):
        call("get", PATH)


ROUTES = [
    ("post", PATH, GOOD | {"domain": "another.example"}, "Failed to create website"),
    ("get", PATH, b"", "Failed to fetch websites"),
    ("get", f"{PATH}/{{}}", b"", "Failed to fetch website"),
    ("put", f"{PATH}/{{}}", b"", "Failed to update website"),
    ("delete", f"{PATH}/{{}}", b"", "Failed to delete website"),
]


@pytest.mark.parametrize(("method", "path", "body", "message"), ROUTES)
def test_without_the_main_database_every_route_is_unavailable(
    call, website, main_database_away, method, path, body, message
):
    response = call(method, path.format(website.id), body)
    assert_error(response, 503, "SERVICE_UNAVAILABLE", "Storage is unavailable")


@pytest.mark.parametrize(("method", "path", "body", "message"), ROUTES)
def test_a_crash_is_reported_in_the_dialect_of_the_route(
    call, website, monkeypatch, caplog, method, path, body, message
):
    monkeypatch.setattr("websites.websites_api.Website", None)
    monkeypatch.setattr("websites.ownership.Website", None)
    response = call(method, path.format(website.id), body)
    assert_error(response, 500, "INTERNAL_ERROR", message)
    assert "NoneType" in caplog.text
