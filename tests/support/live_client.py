"""Clients of a running server"""

import http.client
import json
import time
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any, Self
from urllib.parse import urlencode
from uuid import uuid4

from tests.support.processes import TIMEOUT_SECONDS

PASSWORD = "SecurePass123"


@dataclass(frozen=True, slots=True)
class Response:
    """What came back, and how long it took."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    seconds: float

    @property
    def json(self) -> Any:
        """The value of a JSON body."""
        return json.loads(self.body)

    @property
    def outcome(self) -> str | None:
        """What became of the event."""
        return self.headers.get("X-Event-Outcome")


class Connection:
    """A connection to the server that is kept alive."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; the next request opens it again."""
        self._connection.close()

    @property
    def client_port(self) -> int:
        """The port at this end of the connection."""
        port: int = self._connection.sock.getsockname()[1]
        return port

    def send(
        self, method: str, path: str, body: Any = None, *, token: str = "", cookie: str = ""
    ) -> Response:
        """Send a request, with a JSON body if there is one, and return its response."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        return self._send(method, path, None if body is None else json.dumps(body), headers, cookie)

    def submit(self, path: str, fields: dict[str, str], *, cookie: str = "") -> Response:
        """Send the fields of a form, and return the response."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._send("POST", path, urlencode(fields), headers, cookie)

    def _send(
        self, method: str, path: str, sent: str | None, headers: dict[str, str], cookie: str
    ) -> Response:
        if cookie:
            headers["Cookie"] = cookie
        started = time.monotonic()
        self._connection.request(method, path, sent, headers)
        response = self._connection.getresponse()
        content = response.read()
        return Response(response.status, response.headers, content, time.monotonic() - started)


def send_request(
    port: int, method: str, path: str, body: Any = None, *, token: str = ""
) -> Response:
    """Send one request over a connection of its own."""
    with Connection(port) as connection:
        return connection.send(method, path, body, token=token)


def event(tracking_code: str, url: str = "https://demo.example/", **more: str) -> dict[str, str]:
    """Return an event as clients send it."""
    return {
        "trackingCode": tracking_code,
        "eventType": "pageview",
        "url": url,
        "sessionId": "session",
        "visitorId": "visitor",
        **more,
    }


def register(port: int, email: str = "owner@example.com") -> str:
    """Make an account with PASSWORD; return an access token."""
    account = {"email": email, "password": PASSWORD}
    response = send_request(port, "POST", "/api/v1/auth/register", account)
    assert response.status == 201, response
    token: str = response.json["access_token"]
    return token


def sign_in(port: int, email: str) -> str:
    """Sign in to the pages with PASSWORD; return the cookies."""
    with Connection(port) as connection:
        page = connection.send("GET", "/accounts/login/")
        token = _cookies(page)["csrftoken"].value
        fields = {"username": email, "password": PASSWORD, "csrfmiddlewaretoken": token}
        response = connection.submit("/accounts/login/", fields, cookie=f"csrftoken={token}")
        return f"sessionid={_cookies(response)['sessionid'].value}"


def _cookies(response: Response) -> SimpleCookie:
    return SimpleCookie("; ".join(response.headers.get_all("Set-Cookie") or []))


def new_website(port: int, token: str) -> str:
    """Make a website; return its tracking code, which no process of the server knows yet."""
    site = {"name": "Live", "domain": f"{uuid4()}.example"}
    response = send_request(port, "POST", "/api/v1/websites", site, token=token)
    assert response.status == 201, response
    code: str = response.json["trackingCode"]
    return code
