"""A live server against its description, with generated requests"""

import re
from copy import deepcopy
from dataclasses import dataclass
from http.cookies import SimpleCookie

import pytest
import requests
import schemathesis
from django.conf import settings
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examined
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from config.api.openapi.document import document
from tests.support.in_full import repeated
from tests.support.live_client import PASSWORD, event, new_website, register, send_request
from tests.support.migrated_data import first_run_on_migrated_data
from tests.support.processes import temporary_directory
from tests.support.server import serving

pytestmark = [pytest.mark.slow, pytest.mark.in_full]

EXAMPLES = repeated(4)  # of good requests to each operation, and as many of bad ones
UNLIMITED = {name: "1000000/s" for name in dir(settings) if re.fullmatch("RATE_[A-Z]+", name)}
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]


@dataclass(frozen=True)
class Service:
    """A running server, a caller whom it knows, and what is stored there."""

    url: str
    token: str
    other_token: str  # to be revoked
    cookies: dict[str, str]  # of a session of a browser
    tracking_code: str
    ids: dict[str, str]  # by path
    session: requests.Session


@pytest.fixture
def service():
    with (
        temporary_directory() as path,
        serving(first_run_on_migrated_data(path / "var") | UNLIMITED) as server,
        requests.Session() as session,
    ):
        token = register(server.port)
        code = new_website(server.port, token)
        stored = send_request(server.port, "POST", "/api/v1/events", event(code)).json
        account = {"email": "owner@example.com", "password": PASSWORD}
        again = send_request(server.port, "POST", "/api/v1/auth/login", account).json
        started = send_request(server.port, "POST", "/api/v1/auth/session", account)
        cookie = SimpleCookie(started.headers["Set-Cookie"])
        yield Service(
            url=f"http://127.0.0.1:{server.port}",
            token=token,
            other_token=again["access_token"],
            cookies={settings.SESSION_COOKIE_NAME: cookie["sessionid"].value},
            tracking_code=code,
            ids={
                "/api/v1/events/{id}": stored["id"],
                **{
                    f"/api/v1/websites/{{id}}{end}": stored["websiteId"]
                    for end in ("", "/stats", "/stats.csv", "/live")
                },
            },
            session=session,
        )


def aim(case, service):
    """Let a good request be about something that is stored."""
    known = service.ids.get(case.operation.path)
    if known:
        case.path_parameters["id"] = known
    body = case.body if isinstance(case.body, dict) else {}
    events = body.get("events")
    for part in (case.query, body, *(events if isinstance(events, list) else [])):
        if isinstance(part, dict) and "trackingCode" in part:
            part["trackingCode"] = service.tracking_code


def hold(operation, mode, service):
    """Demand that generated requests get the responses of the operation."""
    token = service.other_token if operation.path.endswith("/logout") else service.token
    cookies = service.cookies if operation.path == "/api/analytics/collect" else None

    @given(case=operation.as_strategy(generation_mode=mode, cookies=cookies))
    @examined(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def each(case):
        if mode is GenerationMode.POSITIVE:
            aim(case, service)
        headers = {"Authorization": f"Bearer {token}"}
        response = case.call(service.url, service.session, headers=headers)
        case.validate_response(response, checks=CHECKS)

    each()


def modes(operation):
    """Return what requests there may be: where nothing but a path is taken, none is bad."""
    return [*GenerationMode] if operation.body or operation.query else [GenerationMode.POSITIVE]


def test_the_server_responds_as_described(service):
    found = []
    # Requests are made of its examples themselves, and `aim` changes some.
    paths = schemathesis.openapi.from_dict(deepcopy(document()))
    for operation in [each for methods in paths.values() for each in methods.values()]:
        for mode in modes(operation):
            try:
                hold(operation, mode, service)
            except Exception as failure:
                found.append(failure)
    if found:
        raise ExceptionGroup("The description is not what the server does", found)
