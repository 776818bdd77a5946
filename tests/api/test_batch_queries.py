"""Batches cost as many queries for a hundred events as for one, whatever becomes of them"""

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from config import runtime
from config.api.address_hash import hash_address
from tests.support import collect, platform
from tests.support.events import AT_MS, BATCH_PATH, event_of
from tests.support.keys import key_of
from websites import lookup, tokens

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

MANY = 50  # twice as many are within the limits of all three
PATHS = {"events": BATCH_PATH, "platform": platform.BATCH_PATH, "collect": collect.PATH}
KEYS = [key_of(AT_MS + n) for n in range(2 * MANY)]


@pytest.fixture
def item_of(website):
    """Return an event for an API, with some fields changed."""
    items = {
        "events": event_of(website),
        "platform": platform.MINIMAL_EVENT,
        "collect": {name: collect.EVENT[name] for name in ("event_type", "event_data")},
    }
    return lambda name, **changes: items[name] | changes


@pytest.fixture
def queries_of(api, user, website, settings, unrecorded):
    """Post a batch to an API; return how many queries it costs in both databases."""
    settings.RATE_COLLECT = "10000/m"
    collect.log_in(api)
    token = tokens.issue(user).access

    def post(name, items):
        lookup.reset()
        runtime.current()  # asked for once a second
        with (
            CaptureQueriesContext(connections["default"]) as main,
            CaptureQueriesContext(connections["analytics"]) as analytics,
        ):
            bearer = token if name == "platform" else None
            response = api.post(PATHS[name], {"events": items}, token=bearer)
        assert response.status_code < 500, response.content
        return len(main), len(analytics)

    for name in PATHS:  # what each process asks for once
        post(name, [{}])
    hash_address("127.0.0.1")  # whose key is of a day
    return post


def keyed(item_of, name, keys):
    field = "id" if name == "events" else "idempotency_key"
    return [item_of(name, **{field: key}) for key in keys]


@pytest.mark.parametrize("name", PATHS)
def test_new_events(queries_of, item_of, name):
    assert queries_of(name, [item_of(name)] * MANY) == queries_of(name, [item_of(name)])


@pytest.mark.parametrize("name", PATHS)
def test_new_stored_and_repeated_ids(queries_of, item_of, name):
    one, many = keyed(item_of, name, KEYS[:1]), keyed(item_of, name, KEYS[1:MANY])
    more = keyed(item_of, name, KEYS[MANY:])
    assert queries_of(name, many) == queries_of(name, one)  # new
    assert queries_of(name, many) == queries_of(name, one)  # stored
    mixed, few = [*more, *many][::-1], [*keyed(item_of, name, [key_of(AT_MS)]), *one]
    assert queries_of(name, mixed) == queries_of(name, few)
    repeated = keyed(item_of, name, [key_of(AT_MS + n) for n in range(MANY)]) * 2
    assert queries_of(name, repeated) == queries_of(name, keyed(item_of, name, [key_of(AT_MS)]) * 2)


@pytest.mark.parametrize("name", ["platform", "collect"])
def test_keys_of_another_user(api, queries_of, item_of, make_user, name):
    mine = keyed(item_of, name, KEYS[:MANY])
    queries_of(name, mine)
    other = make_user("other@example.com")
    collect.log_in(api, other.email)
    token = tokens.issue(other).access
    costs = []
    for items in (mine, mine[:1], mine):
        with CaptureQueriesContext(connections["analytics"]) as queries:
            response = api.post(PATHS[name], {"events": items}, token=token)
        assert response["X-Event-Outcome"] == "rejected"
        costs.append(len(queries))
    assert costs[0] == costs[1] == costs[2]


def test_ids_of_another_website(queries_of, item_of, make_website, user, website):
    other = make_website(user, "other.example")
    theirs = [event_of(other, id=key) for key in KEYS[:MANY]]
    mine = keyed(item_of, "events", KEYS[:MANY])
    queries_of("events", theirs)
    assert queries_of("events", mine) == queries_of("events", mine[:1])


@pytest.mark.parametrize("name", PATHS)
def test_invalid_events(queries_of, item_of, name):
    bad = item_of(name, **{"events": {"url": "x"}}.get(name, {"event_type": 1, "event_name": 1}))
    assert queries_of(name, [bad] * MANY) == queries_of(name, [bad])
    if name != "platform":  # where one invalid event fails the batch
        mixed = [bad, item_of(name)]
        assert queries_of(name, mixed * MANY) == queries_of(name, mixed)


@pytest.mark.parametrize("number", [100, 1000])
def test_unknown_tracking_codes(queries_of, item_of, number):
    items = [item_of("events", trackingCode=f"pm-nobody-{n}") for n in range(number)]
    assert queries_of("events", items) == queries_of("events", items[:1]) == (1, 0)


def test_known_and_retired_tracking_codes(queries_of, item_of, make_website, user):
    sites = [make_website(user, f"site-{n}.example") for n in range(MANY)]
    codes = [code for site in sites for code in (site.rotate_code(), site.tracking_code)]
    items = [item_of("events", trackingCode=code) for code in codes]
    assert queries_of("events", items) == queries_of("events", items[:1])
