"""Bodies of batches, which may be larger than others"""

import json

import pytest

from tests.support import collect, events, platform
from tests.support.bodies import CountingBody

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

LIMIT = 4_194_304
ROUTES = (events.BATCH_PATH, platform.BATCH_PATH, collect.PATH)


@pytest.fixture
def ask(api, token, website):
    """Call a route that takes batches, as a caller whom it knows."""
    collect.log_in(api)
    return lambda call, *args, **more: getattr(api, call)(*args, token=token, **more)


@pytest.fixture
def good(website):
    """Return a good body of a route, filled up to a size."""

    def body(path, size):
        event = {
            events.BATCH_PATH: events.event_of(website),
            platform.BATCH_PATH: platform.MINIMAL_EVENT,
            collect.PATH: collect.event(),
        }[path]
        text = json.dumps({"events": [event], "filling": ""})
        return f'{text[:-2]}{"x" * (size - len(text))}"}}'.encode()

    return body


@pytest.mark.parametrize("path", ROUTES)
def test_a_batch_of_exactly_the_limit_is_taken(ask, good, path):
    body = good(path, LIMIT)
    assert len(body) == LIMIT
    assert ask("post_bytes", path, body)["X-Event-Outcome"] == "stored"
    assert ask("post_chunked", path, CountingBody(body))["X-Event-Outcome"] == "stored"


@pytest.mark.parametrize("path", ROUTES)
def test_a_larger_batch_is_refused_unread(ask, path):
    stream = CountingBody(b"x" * (LIMIT + 1))
    more = {"wsgi.input": stream, "CONTENT_LENGTH": str(LIMIT + 1)}
    response = ask("generic", "POST", path, **more)
    assert (response.status_code, response["X-Event-Outcome"]) == (413, "rejected")
    assert stream.bytes_read == 0


@pytest.mark.parametrize("path", ROUTES)
def test_a_larger_chunked_batch_is_read_up_to_the_limit(ask, path):
    stream = CountingBody(b"x" * 5_242_880)
    assert ask("post_chunked", path, stream).status_code == 413
    assert stream.bytes_read == LIMIT + 1


@pytest.mark.parametrize("path", ROUTES)
def test_the_limit_of_batches_is_a_setting_of_its_own(ask, good, path, settings):
    settings.MAX_BODY_BYTES = 1
    assert ask("post_bytes", path, good(path, 1000)).status_code in (200, 201)
    settings.MAX_BATCH_BODY_BYTES = 999
    assert ask("post_bytes", path, good(path, 1000)).status_code == 413


@pytest.mark.parametrize("path", [events.PATH, platform.PATH])
def test_single_events_have_the_limit_of_other_bodies(ask, path):
    assert ask("post_bytes", path, b"x" * 1_048_577).status_code == 413
