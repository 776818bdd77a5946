"""Users, sessions and projects of recorded requests"""

import pytest

from analytics.sessions.models import Session
from config import runtime
from tests.support.accounts import PASSWORD
from tests.support.activity import row_of
from tests.support.databases import failing
from tests.support.sessions import SESSION as SESSION_PATH
from tests.support.sessions import assert_stored, session_of

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

ACCOUNT = {"email": "user@example.com", "password": PASSWORD}


# Users


def test_registration_login_refresh_and_logout_name_their_user(api):
    def post(name, body, **more):
        path = f"/api/v1/auth/{name}"
        return api.post(path, body, **more)

    registered = post("register", ACCOUNT)
    logged_in = post("login", ACCOUNT)
    tokens = logged_in.json()["tokens"]
    refreshed = post("refresh", {"refreshToken": tokens["refreshToken"]})
    logged_out = post("logout", {}, token=tokens["accessToken"])
    rows = [row_of(each) for each in (registered, logged_in, refreshed, logged_out)]
    assert [row.event_type for row in rows] == [
        *("user_registered", "user_login", "token_refreshed", "user_logout")
    ]
    assert {row.user_id for row in rows} == {registered.json()["user"]["id"]}
    assert {row.metadata["actor_type"] for row in rows} == {"authenticated_user"}


@pytest.mark.usefixtures("user")
def test_a_failed_login_is_recorded_without_a_user(api):
    wrong = ACCOUNT | {"password": "wrong"}
    response = api.post("/api/v1/auth/login", wrong)
    row = row_of(response)
    assert (response.status_code, row.user_id) == (401, None)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_token_names_its_user_on_public_routes_too(api, user, token, scheme):
    response = api.get("/nothing", headers={"Authorization": f"{scheme} {token}"})
    assert row_of(response).user_id == str(user.id)


@pytest.mark.parametrize(
    "claims", [{"exp": 1}, {"token_type": "refresh"}, {"algorithm": "none"}, {"key": "k" * 50}]
)
def test_an_invalid_token_counts_as_none(api, forge, claims):
    assert row_of(api.get("/nothing", token=forge(**claims))).user_id is None


@pytest.mark.parametrize("header", ["Basic dTpw", "Bearer", "Bearer a.b.c", "nonsense"])
def test_other_headers_hide_the_user_of_a_session(staff_api, header):
    response = staff_api.get("/nothing", headers={"Authorization": header})
    assert row_of(response).user_id is None


@pytest.mark.parametrize("path", ["/nothing", "/admin/", "/api/v1/events", "/api/v1/websites"])
def test_a_session_names_its_user(staff_api, path):
    user_id = staff_api.session["_auth_user_id"]
    assert row_of(staff_api.get(path)).user_id == user_id


def test_an_inactive_or_invalid_session_has_no_user(api, make_user):
    user = make_user("staff@example.com", is_staff=True)
    api.force_login(user)
    user.is_active = False
    user.save()
    assert row_of(api.get("/nothing")).user_id is None
    api.cookies["sessionid"] = "made-up"
    assert row_of(api.get("/nothing")).user_id is None


def test_without_the_main_database_a_token_still_names_its_user(api, user, token, request):
    request.getfixturevalue("main_database_away")
    assert row_of(api.get("/nothing", token=token)).user_id == str(user.id)


def test_without_the_main_database_a_session_has_no_user(staff_api, request):
    request.getfixturevalue("main_database_away")
    assert row_of(staff_api.get("/nothing")).user_id is None


@pytest.mark.parametrize(("header", "is_named"), [("Bearer {}", True), ("Bearer bad", False)])
def test_of_a_session_and_a_header_the_header_counts(api, make_user, user, token, header, is_named):
    api.force_login(make_user("other@example.com"))
    body = {"event_type": "page_view", "event_data": {}}
    response = api.post(
        "/api/analytics/collect", body, headers={"Authorization": header.format(token)}
    )
    assert response.status_code == 200
    assert row_of(response).user_id == (str(user.id) if is_named else None)


def test_a_main_database_that_failed_is_not_queried_again_at_once(staff_api, request, clock):
    user_id = staff_api.session["_auth_user_id"]
    runtime.current()
    with failing("default", "the main database is away"):
        assert row_of(staff_api.get("/nothing")).user_id is None
    clock.move(seconds=0.9)
    assert row_of(staff_api.get("/nothing")).user_id is None
    clock.move(seconds=0.1)
    assert row_of(staff_api.get("/nothing")).user_id == user_id


# Sessions and projects


def test_a_session_that_was_stored_is_the_rows(api):
    response = api.post(SESSION_PATH, session_of())
    row = row_of(response)
    assert row.session_id == str(assert_stored(response)) == str(Session.objects.get().id)
    assert (row.event_type, row.metadata["actor_type"]) == ("session_created", "anonymous_session")


def test_a_dropped_session_is_not_recorded(api):
    response = api.post(SESSION_PATH, session_of(consentAnalytics="no"))
    row = row_of(response)
    assert (row.session_id, row.metadata["actor_type"]) == (None, "anonymous")


def test_a_website_that_was_created_is_the_rows_project(api, token):
    site = {"name": "Mine", "domain": "example.com"}
    created = api.post("/api/v1/websites", site, token=token)
    row = row_of(created)
    assert (row.event_type, row.project_id) == ("project_created", created.json()["id"])
    assert row_of(api.post("/api/v1/websites", site, token=token)).project_id is None  # a conflict


@pytest.mark.parametrize(
    ("path", "session_id", "project_id", "step"),
    [
        ("/api/v1/analytics/session/abc/heartbeat", "abc", None, None),
        ("/api/v1/analytics/session/", None, None, None),
        ("/api/v1/analytics/session", None, None, None),
        ("/api/v1/websites/abc", None, "abc", None),
        ("/api/v1/websites/", None, None, None),
        ("/api/v1/sessions/a/sessions/b/convert", "b", None, None),
        ("/api/v1/sessions/create", None, None, None),
        ("/api/v1/sessions", None, None, None),
        ("/x/sessions/a", "a", None, None),
        ("/api/v1/projects/a/projects/b/wizard/step/3", None, "b", "3"),
        ("/api/v1/projects/p/sessions/s/wizard/step/last/x", "s", "p", "last"),
        ("/api/v1/projects/p/step/", None, "p", None),
        ("/api/v1/steps/3", None, None, None),
        ("/a/sessions/b/sessions", None, None, None),
        ("/a/projects/b/step/1/step", None, "b", "1"),
        ("/a/step/1/step/2", None, None, "2"),
        ("/a/step//x", None, None, None),
        ("/a/step/create", None, None, "create"),
        (f"/x/step/{'9' * 300}", None, None, "9" * 300),
        (f"/api/v1/projects/{'é' * 129}", None, "é" * 128, None),
        ("/api/v1/projects/a%00b", None, "a\ufffdb", None),
    ],
)
def test_paths_name_the_subject_of_a_request(api, path, session_id, project_id, step):
    row = row_of(api.post(path))
    assert (row.session_id, row.project_id) == (session_id, project_id)
    assert row.metadata.get("step_number") == step
    actor = "anonymous_session" if session_id else "anonymous"
    assert row.metadata["actor_type"] == actor


def test_methods_and_paths_are_cut_and_nul_is_replaced(api):
    response = api.generic("M" * 20, "/%00" + "é" * 3000)
    row = row_of(response)
    assert row.method == "M" * 16
    assert row.path == "/\ufffd" + "é" * 2046
