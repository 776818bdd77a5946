"""Statistics that are read from a replica, if it has all that is committed"""

import pytest
from django.db import connections
from prometheus_client import REGISTRY

from analytics.admin import home
from config.db import replica
from config.server import replica_watch

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

AHEAD, BEHIND = "SELECT %s::pg_lsn IS NOT NULL", "SELECT %s::pg_lsn IS NULL"


def reads(database):
    labels = {"database": database}
    return REGISTRY.get_sample_value("millrace_replica_reads_total", labels) or 0


@pytest.fixture
def server(settings):
    """The settings of a server that is asked as the replica; the one of the tests is a primary."""
    settings.ANALYTICS_REPLICA = dict(connections.settings["analytics"])
    yield settings.ANALYTICS_REPLICA
    replica.reset()


def alias_of_block():
    with replica.reading():
        return connections["analytics"].alias


def test_a_block_reads_from_a_replica_that_has_all(server, monkeypatch):
    monkeypatch.setattr(replica, "REPLAYED", AHEAD)
    before = reads("replica")
    assert alias_of_block() == "replica"
    assert connections["analytics"].alias == "analytics"
    assert reads("replica") == before + 1


def test_a_replica_that_is_late_is_not_read(server, monkeypatch, caplog):
    monkeypatch.setattr(replica, "REPLAYED", BEHIND)
    before = reads("primary")
    assert alias_of_block() == "analytics"
    assert reads("primary") == before + 1
    assert not caplog.records


@pytest.mark.parametrize("host", [None, "/nowhere"])
def test_one_that_is_away_or_none_costs_one_warning(server, caplog, host):
    server["HOST"] = host or server["HOST"]
    assert [alias_of_block() for _ in range(3)] == ["analytics"] * 3
    [record] = caplog.records
    assert record.getMessage().startswith("The replica is away; statistics are read from the prim")
    message = replica_watch.replica_lag()
    assert (message.is_serious(), message.msg) == (False, "does not answer, or is none")


def test_its_lag_is_shown(server, monkeypatch, api, staff_api):
    monkeypatch.setattr(replica, "WAIT_SECONDS", 30)  # however busy the machine is
    monkeypatch.setattr(home, "TIMEOUT_SECONDS", 30)
    monkeypatch.setattr(replica, "BEHIND", "SELECT 2000 + 0 * length(%s), 12.34::float8")
    assert replica_watch.replica_lag().msg == "2.0 kB, 12.3 s behind"
    assert "millrace_replica_lag_seconds 12.34" in api.get("/metrics").content.decode()
    assert "Its replica: 12.3 s (2.0 kB) behind" in staff_api.get("/admin/").content.decode()


def test_without_one_nothing_is_asked():
    assert alias_of_block() == "analytics"
    assert replica_watch.replica_lag().msg == "none"
