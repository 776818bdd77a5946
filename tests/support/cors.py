"""Headers of CORS"""

ORIGIN = "https://any.example"
EXPOSED = {"X-Request-Id", "X-Event-Outcome", "Retry-After"}


def items(response, header):
    return {item.strip() for item in response.get(header, "").split(",") if item.strip()}


def assert_no_cors(response):
    assert [name for name in response.headers if name.lower().startswith("access-control-")] == []
