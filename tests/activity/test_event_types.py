"""Event types of recorded requests"""

import tracemalloc

import pytest

from activity.attribution import path_facts
from activity.event_types import event_type_of

V1 = "/api/v1"
CASES = [
    # method, path, status, type
    ("GET", "/admin/", 500, "server_error"),
    ("POST", f"{V1}/auth/register", 503, "server_error"),
    ("POST", f"{V1}/auth/register", 499, "api_request_failed"),
    ("GET", "/nothing", 404, "api_request_failed"),
    ("POST", f"{V1}/auth/login", 400, "api_request_failed"),
    ("POST", f"{V1}/auth/login", 399, "user_login"),
    ("GET", "/admin/", 302, "api_request"),
    ("POST", "/api/v2/auth/login", 200, "api_request"),
    ("POST", "/auth/login", 200, "api_request"),
    ("POST", "/x/api/v1/auth/login", 200, "api_request"),
    ("POST", V1, 200, "api_request"),
    ("POST", f"{V1}/", 200, "api_request"),
    ("POST", "/api/analytics/collect", 200, "api_request"),
    ("POST", f"{V1}/auth/register", 201, "user_registered"),
    ("POST", f"{V1}/auth/register/", 201, "user_registered"),
    ("POST", f"{V1}/auth/register//", 201, "api_request"),
    ("GET", f"{V1}/auth/register", 200, "api_request"),
    ("POST", f"{V1}/auth/login", 200, "user_login"),
    ("POST", f"{V1}/auth/session", 204, "user_login"),
    ("POST", f"{V1}/auth/refresh", 200, "token_refreshed"),
    ("POST", f"{V1}/auth/logout", 200, "user_logout"),
    ("DELETE", f"{V1}/auth/session", 204, "user_logout"),
    ("DELETE", f"{V1}/auth/logout", 200, "api_request"),
    ("POST", f"{V1}/auth/logout/all", 200, "api_request"),
    ("POST", f"{V1}/analytics/session", 200, "session_created"),
    ("POST", f"{V1}/analytics/session/x", 200, "api_request"),
    ("PATCH", f"{V1}/analytics/session/x/identify", 200, "session_converted"),
    ("PATCH", f"{V1}/analytics/session//identify", 200, "api_request"),
    ("PATCH", f"{V1}/analytics/session/x/heartbeat", 200, "api_request"),
    ("POST", f"{V1}/websites", 201, "project_created"),
    ("PUT", f"{V1}/websites/x", 200, "project_updated"),
    ("PUT", f"{V1}/websites/x/", 200, "project_updated"),
    ("PUT", f"{V1}/websites", 200, "api_request"),
    ("PUT", f"{V1}/websites//", 200, "api_request"),
    ("PATCH", f"{V1}/websites/x", 200, "api_request"),
    ("DELETE", f"{V1}/websites/x", 200, "project_deleted"),
    ("GET", f"{V1}/websites/x", 200, "api_request"),
    ("POST", f"{V1}/projects", 201, "project_created"),
    ("POST", f"{V1}/projects/x", 201, "api_request"),
    ("PATCH", f"{V1}/projects/x", 200, "project_updated"),
    ("PUT", f"{V1}/projects/x", 200, "api_request"),
    ("DELETE", f"{V1}/projects/x", 204, "project_deleted"),
    ("DELETE", f"{V1}/projects/x/y", 204, "api_request"),
    ("POST", f"{V1}/sessions/create", 201, "session_created"),
    ("POST", f"{V1}/sessions", 201, "api_request"),
    ("POST", f"{V1}/sessions/convert", 200, "session_converted"),
    ("POST", f"{V1}/sessions/x/convert", 200, "session_converted"),
    ("POST", f"{V1}/sessions/x/y/z/convert-to-project", 200, "session_converted"),
    ("POST", f"{V1}/sessions/x/convert/y", 200, "api_request"),
    ("POST", f"{V1}/projects/x/convert", 200, "api_request"),
    ("PUT", f"{V1}/projects/x/wizard/step/2", 200, "wizard_step_saved"),
    ("PUT", f"{V1}/sessions/x/wizard/step", 200, "wizard_step_saved"),
    ("PUT", f"{V1}/sessions/wizard/step/2/save", 200, "wizard_step_saved"),
    ("POST", f"{V1}/sessions/x/wizard/step/2", 200, "api_request"),
    ("PUT", f"{V1}/websites/x/wizard/step/2", 200, "api_request"),
    ("PUT", f"{V1}/projects/x/wizard/2/step", 200, "api_request"),
    ("POST", f"{V1}/projects/x/recommendations", 200, "recommendation_requested"),
    ("POST", f"{V1}/sessions/x/y/recommendations/", 200, "recommendation_requested"),
    ("POST", f"{V1}/projects/recommendations", 200, "recommendation_requested"),
    ("GET", f"{V1}/projects/x/recommendations", 200, "api_request"),
    ("POST", f"{V1}/projects/x/recommendations/1", 200, "api_request"),
    ("POST", f"{V1}/projects/x/generate-pdf", 202, "pdf_generated"),
    ("POST", f"{V1}/sessions/x/generate-pdf", 202, "pdf_generated"),
    ("GET", f"{V1}/projects/x/download-pdf", 200, "pdf_downloaded"),
    ("GET", f"{V1}/sessions/x/download-pdf", 200, "pdf_downloaded"),
    ("HEAD", f"{V1}/sessions/x/download-pdf", 200, "api_request"),
    ("GET", f"{V1}/websites/x/download-pdf", 200, "api_request"),
    ("POST", f"{V1}/events", 201, "api_request"),
    ("post", f"{V1}/auth/login", 200, "api_request"),
    ("GET", "", 200, "api_request"),
]


@pytest.mark.parametrize(("method", "path", "status", "event_type"), CASES)
def test_the_type_of_a_request(method, path, status, event_type):
    assert event_type_of(method, path, status) == event_type


def test_long_paths_take_no_memory_once_they_are_done():
    tracemalloc.start()
    for number in range(300):
        path = f"/api/v1/projects/{number}/{'x' * 20_000}/\N{GRINNING FACE}"
        assert event_type_of("GET", path_facts(path).text, 200) == "api_request"
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 1_000_000
