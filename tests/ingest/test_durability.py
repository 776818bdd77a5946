"""Acknowledged events survive killed processes; several processes store each once"""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from config.db import uuid7
from tests.support.in_full import repeated
from tests.support.live_client import event, new_website, register, send_request
from tests.support.load import load_on
from tests.support.processes import free_port, kill_all
from tests.support.server import serving

ENOUGH = repeated(1000)  # events that must be acknowledged before each kill, and after it
ROUNDS = repeated(8)  # of two batches at once
KILLS = repeated(4)  # each may hit another moment of a transaction

pytestmark = [pytest.mark.slow, pytest.mark.in_full]


def test_a_killed_worker_loses_nothing_and_is_replaced(environment, postgres):
    with serving(environment) as server:
        code = new_website(server.port, register(server.port))
        [worker] = server.workers
        with load_on(server.port, code) as load:
            load.wait_for_more(ENOUGH)
            kill_all(worker)
            load.wait_for_failure()
            load.wait_for_more(ENOUGH)
        assert worker not in server.workers
    load.assert_kept_once(postgres.analytics_url)


def test_a_killed_server_loses_nothing(environment, postgres):
    with serving(environment) as server:
        code = new_website(server.port, register(server.port))
        with load_on(server.port, code) as load:
            load.wait_for_more(ENOUGH)
            server.kill()
            load.wait_for_failure()
            with serving(environment):
                load.wait_for_more(ENOUGH)
    load.assert_kept_once(postgres.analytics_url)


def test_a_killed_postgresql_loses_nothing(environment, postgres):
    with serving(environment) as server:
        code = new_website(server.port, register(server.port))
        workers = server.workers
        with load_on(server.port, code) as load:
            for _ in range(KILLS):
                load.wait_for_more(ENOUGH)
                postgres.kill()
                load.wait_for_failure()
                postgres.restart()
            load.wait_for_more(ENOUGH)
        assert server.workers == workers
    load.assert_kept_once(postgres.analytics_url)


def test_two_processes_store_the_same_ids_once_in_whichever_order(environment, postgres):
    with serving(environment) as one, serving(environment | {"PORT": str(free_port())}) as other:
        code = new_website(one.port, register(one.port))
        for _ in range(ROUNDS):
            events = [event(code, id=str(uuid7.new_id_now())) for _ in range(1000)]
            with ThreadPoolExecutor() as pool:
                forth = pool.submit(post_batch, one.port, events)
                back = pool.submit(post_batch, other.port, events[::-1])
                outcomes = forth.result(), back.result()
            assert {response.status for response in outcomes} == {201}
            assert all(response.json["eventsCreated"] == 1000 for response in outcomes)
        with psycopg.connect(postgres.analytics_url) as connection:
            query = "SELECT count(*), count(DISTINCT id) FROM analytics_event"
            assert connection.execute(query).fetchone() == (1000 * ROUNDS, 1000 * ROUNDS)
    assert "deadlock" not in postgres.log


def post_batch(port, events):
    return send_request(port, "POST", "/api/v1/events/batch", {"events": events})
