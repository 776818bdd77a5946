"""Two hosts with a replica: load on both, rolling restarts, maintenance once, a host that is killed

Prints how many posts came while a host was restarted, and the slowest of them.
"""

import os
import signal

import psycopg

from tests.support.hosts import two_hosts
from tests.support.live_client import new_website, register
from tests.support.load import load_on
from tests.support.processes import children, kill_all, wait_until
from tests.support.server import manage

RESTARTS = 2
CLIENTS = 4
TAKEN_OVER = "The new server has taken over"
VARIABLES = {
    "WORKERS": "2",
    "MAINTENANCE": "daily",
    "LOG_LEVEL": "INFO",
    "SPOOL_BYTES": "1000000000",
}
RUNS = "SELECT count(*), count(DISTINCT name) FROM analytics_maintenancerun"


def restart(server, *, times):
    """Restart a server for the so many-th time."""
    os.kill(server.process.pid, signal.SIGHUP)
    wait_until(lambda: server.printed.count(TAKEN_OVER) == times)


def kill(server):
    """End all processes of a server by SIGKILL."""
    own = children(server.process.pid)
    kill_all(server.process.pid, *own, *(each for pid in own for each in children(pid)))
    server.process.wait()


def test_two_hosts_are_restarted_in_turn_and_one_is_lost():
    with two_hosts(has_replica=True, **VARIABLES) as hosts:
        one, other = hosts.ports
        code = new_website(one, register(one))
        with (
            load_on(one, code, clients=CLIENTS) as first,
            load_on(other, code, clients=CLIENTS) as second,
        ):
            for number in range(RESTARTS):
                for server in hosts.servers:
                    restart(server, times=number + 1)
        assert (first.failures, second.failures) == (0, 0)
        for load in (first, second):
            load.assert_kept_once(hosts.postgres.analytics_url)
        posts = len(first.request_ids) + len(second.request_ids)
        slowest = max(first.slowest, second.slowest)
        print(f"{posts:,} posts during {2 * RESTARTS} restarts, the slowest {slowest:.2f} s")
        with psycopg.connect(hosts.postgres.analytics_url) as connection:
            assert connection.execute(RUNS).fetchone() == (2, 2)

        with hosts.postgres.stopped(), load_on(one, code, clients=CLIENTS) as spooled:
            wait_until(lambda: len(spooled.acknowledged) > 1000)
            kill(hosts.servers[0])
        said = manage(hosts.environments[1], "replay_journal", str(hosts.spool(0)))
        print(said)
        spooled.assert_kept_once(hosts.postgres.analytics_url)
