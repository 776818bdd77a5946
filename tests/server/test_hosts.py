"""Two hosts with one Redis, the same databases and disks of their own"""

from uuid import uuid4

import psycopg
import pytest

from analytics.events.models import Event
from config.models import RuntimeSettings
from tests.support.hosts import two_hosts
from tests.support.live_client import PASSWORD, event, register, send_request
from tests.support.processes import wait_until
from tests.support.server import manage

pytestmark = pytest.mark.slow

SWITCH_SECONDS, LOOKUP_SECONDS = 2, 5  # after which a change counts on all hosts
LOGINS = 6


@pytest.fixture(scope="module")
def hosts():
    with two_hosts(RATE_AUTH=f"{LOGINS}/d", SPOOL_BYTES="100000000") as hosts:
        yield hosts


@pytest.fixture
def one(hosts):
    """The port of the host where something changes."""
    hosts.redis.forget_all()
    return hosts.ports[0]


@pytest.fixture
def other(hosts):
    """The port of the host that must know of it."""
    return hosts.ports[1]


@pytest.fixture
def token(one):
    return register(one, f"{uuid4()}@example.com")


@pytest.fixture
def website(one, token):
    site = {"name": "Two hosts", "domain": f"{uuid4()}.example"}
    return send_request(one, "POST", "/api/v1/websites", site, token=token).json


def post(port, website):
    return send_request(port, "POST", "/api/v1/events", event(website["trackingCode"]))


def stored_ids(hosts):
    with psycopg.connect(hosts.postgres.analytics_url) as connection:
        rows = connection.execute(f"SELECT id::text FROM {Event._meta.db_table}")
        return {id for (id,) in rows}


def waiting_rows(port):
    return send_request(port, "GET", "/health/ready").json["spool"]["rows"]


def test_a_switch_takes_effect_on_both(hosts, one, other, website):
    def are(outcome):
        return {post(port, website).outcome for port in (one, other)} == {outcome}

    manage(hosts.environments[0], "settings", "events_enabled=false")
    wait_until(lambda: are("dropped; reason=kill_switch"), seconds=SWITCH_SECONDS)
    with psycopg.connect(hosts.postgres.main_url) as connection:
        connection.execute(f"UPDATE {RuntimeSettings._meta.db_table} SET events_enabled = 'true'")
    wait_until(lambda: are("stored"), seconds=SWITCH_SECONDS)


def test_rate_limits_count_both_together(hosts, one, other, token):
    account = {"email": "nobody@example.com", "password": PASSWORD}
    hosts.redis.forget_all()
    statuses = [
        send_request(port, "POST", "/api/v1/auth/login", account).status
        for port in [one, other] * (LOGINS // 2) + [one, other]
    ]
    assert statuses == [401] * LOGINS + [429] * 2


def test_a_website_that_is_deleted_on_one_is_gone_on_the_other(one, other, token, website):
    assert post(other, website).outcome == "stored"
    path = f"/api/v1/websites/{website['id']}"
    assert send_request(one, "DELETE", path, token=token).status == 200
    assert post(one, website).status == 404
    wait_until(lambda: post(other, website).status == 404, seconds=LOOKUP_SECONDS)


def test_a_token_that_is_revoked_on_one_is_invalid_on_the_other(one, other, token):
    me = "/api/v1/auth/me"
    assert send_request(other, "GET", me, token=token).status == 200
    assert send_request(one, "POST", "/api/v1/auth/logout", token=token).status == 200
    wait_until(
        lambda: send_request(other, "GET", me, token=token).status == 401, seconds=SWITCH_SECONDS
    )


def test_statistics_count_at_once_what_either_has_stored(one, other, token, website):
    for posts in (1, 2, 3):
        assert post(one, website).outcome == post(other, website).outcome == "stored"
        path = f"/api/v1/websites/{website['id']}/stats?metrics=pageviews"
        for port in (one, other):
            answer = send_request(port, "GET", path, token=token).json
            assert answer["totals"]["metrics"]["pageviews"] == 2 * posts
    for port in (one, other):
        found = send_request(port, "GET", "/metrics").body.decode()
        assert 'outcome="stored",reason=""} ' in found


def test_each_drains_its_own_journal_and_that_of_one_that_is_gone_is_replayed(
    hosts, one, other, website
):
    assert {post(port, website).outcome for port in (one, other)} == {"stored"}
    with hosts.postgres.stopped():
        responses = [post(port, website) for port in (one, other, one)]
        assert {each.outcome for each in responses} == {"spooled"}
        assert (waiting_rows(one), waiting_rows(other)) == (2, 1)
        hosts.servers[0].kill()
    wait_until(lambda: not waiting_rows(other))
    ids = [each.json["id"] for each in responses]
    assert stored_ids(hosts) & set(ids) == {ids[1]}
    said = manage(hosts.environments[1], "replay_journal", str(hosts.spool(0)))
    assert said.endswith("2 rows stored. No row waits there any more.\n")
    assert stored_ids(hosts) >= set(ids)
    hosts.start(0)  # for the other tests
