"""A Citus cluster for the suite: the analytics database of the tests on all of its nodes

CITUS_URL names a database on the coordinator, in which the nodes have been added, and whose user
may create databases on all of them.
"""

import os
from contextlib import contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
from django.core.management import call_command
from django.db import connections
from psycopg import sql

URL = os.environ.get("CITUS_URL", "")
SHARDS = 4  # more take longer to be emptied between tests

Node = tuple[str, int]


def distribute_test_database():
    """Join the nodes' databases of the tests' name, and distribute the tables among them."""
    join(connections["analytics"].settings_dict["NAME"])
    call_command("distribute", shards=SHARDS, verbosity=0)


@contextmanager
def database():
    """Give the URL of a database on the coordinator that is none of a cluster yet; see join()."""
    name = f"live_{uuid4().hex}"
    coordinator = _nodes()[0]
    with _connect(coordinator, "postgres") as other:
        other.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield urlsplit(URL)._replace(path=f"/{name}").geturl()
    finally:
        with _connect(coordinator, "postgres") as other:
            other.execute(_drop(name))
        drop_on_workers(name)


def join(name):
    """Make a database of the coordinator, which may have tables, one of a cluster."""
    coordinator, *workers = _nodes()
    drop_on_workers(name)  # what a run that was killed has left there
    for node in workers:
        with _connect(node, "postgres") as other:
            other.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    for node in (coordinator, *workers):
        with _connect(node, name) as other:
            other.execute("CREATE EXTENSION IF NOT EXISTS citus")
    with _connect(coordinator, name) as other:
        other.execute("SELECT citus_set_coordinator_host(%s, %s)", coordinator)
        for node in workers:
            other.execute("SELECT citus_add_node(%s, %s)", node)


def drop_on_workers(name):
    for node in _nodes()[1:]:
        with _connect(node, "postgres") as other:
            other.execute(_drop(name))


def _drop(name):
    return sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))


def _nodes():
    """Return the host and port of each node, the coordinator first."""
    with psycopg.connect(URL) as connection:
        return connection.execute(
            "SELECT nodename, nodeport FROM pg_dist_node ORDER BY groupid"
        ).fetchall()


def _connect(node, name):
    there = connections["analytics"].settings_dict
    return psycopg.connect(
        dbname=name,
        user=there["USER"],
        password=there["PASSWORD"],
        host=node[0],
        port=node[1],
        autocommit=True,
    )
