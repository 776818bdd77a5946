"""Acknowledged events survive killed processes"""

import pytest

from tests.support.live_client import new_website, register
from tests.support.load import load_on
from tests.support.processes import kill_all
from tests.support.server import serving

ENOUGH = 1000  # events that must be acknowledged before each kill, and after it
KILLS = 3  # each may hit another moment of a transaction

pytestmark = pytest.mark.slow


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
    load.assert_kept_once(postgres.url("analytics"))


def test_a_killed_server_loses_nothing(environment, postgres):
    with serving(environment) as server:
        code = new_website(server.port, register(server.port))
        with load_on(server.port, code) as load:
            load.wait_for_more(ENOUGH)
            server.kill()
            load.wait_for_failure()
            with serving(environment):
                load.wait_for_more(ENOUGH)
    load.assert_kept_once(postgres.url("analytics"))


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
    load.assert_kept_once(postgres.url("analytics"))
