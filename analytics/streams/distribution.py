"""Distribution of the analytics tables over the nodes of a Citus cluster

Events lie on shards by their ids, so that no website fills one node alone. What is derived of a
website's events lies together, by its id: a question about it is for one node. Small tables are
reference tables, of which each node has a copy.
"""

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connections
from django.db.models import Model
from psycopg import sql

from config.db import cluster, deadline
from config.db.routers import ANALYTICS, home

WEBSITE = "website_id"
FUNCTIONS = ("millrace_next_hit(text, text, text[], text, boolean, int)",)  # that shards call


class CannotDistribute(Exception):
    """The server is no coordinator with nodes, or has a table that is distributed otherwise."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the rows of a table go: to the shard of a column's value; without one to every node."""

    model: type[Model]
    column: str | None

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    @property
    def key(self) -> list[str]:
        """The columns of the primary key, which must have that by which shards are apart."""
        names = [str(field.column) for field in self.model._meta.pk_fields]
        return names if self.column in (None, *names) else [*names, str(self.column)]

    def __str__(self) -> str:
        return f"by {self.column}" if self.column else "to every node"


def placements() -> list[Placement]:
    """Return the placement of every table of the analytics database, small ones first."""
    models = [model for model in apps.get_models() if home(model) == ANALYTICS]
    found = [Placement(model, column_of(model)) for model in models if model._meta.managed]
    return sorted(found, key=lambda each: (each.column or "", each.table))


def column_of(model: type[Model]) -> str | None:
    """Return the column by whose value the rows of a model are distributed."""
    named: str | None = getattr(model, "distributed_by", None)
    has_website = any(field.name == WEBSITE for field in model._meta.pk_fields)
    return named or (WEBSITE if has_website else None)


@dataclass(frozen=True, slots=True)
class Step:
    """A table that is to be distributed, or whose rows have been copied and are still here, too.

    rows: PostgreSQL's estimate. parts: 1, or the number of its partitions.
    """

    placement: Placement
    rows: int
    bytes: int
    parts: int
    is_distributed: bool

    def new_shards(self, shards: int) -> int:
        """Return how many tables it makes on the nodes, if each part has so many shards."""
        if self.is_distributed:
            return 0
        return self.parts * (shards if self.placement.column else 1)

    def execute(self, shards: int) -> None:
        """Copy the rows to the nodes, then delete them here; each is a transaction."""
        table = self.placement.table
        if not self.is_distributed:
            with deadline.long_transaction(ANALYTICS) as cursor:
                _distribute(cursor, self.placement, shards)
        with deadline.long_transaction(ANALYTICS) as cursor:
            cursor.execute("SELECT truncate_local_data_after_distributing_table(%s)", [table])


def nodes() -> list[str]:
    """Return the nodes of the cluster that take shards; raises CannotDistribute if there is none.

    The rest of the project asks only whether there is a cluster.
    """
    cluster.reset()  # it may have come since this process has asked
    if not cluster.is_cluster(ANALYTICS):
        raise CannotDistribute(
            "The server of ANALYTICS_DATABASE_URL is no Citus coordinator: its database has no "
            "extension citus."
        )
    with connections[ANALYTICS].cursor() as cursor:
        cursor.execute("SELECT citus_is_coordinator()")
        [[is_coordinator]] = cursor.fetchall()
        cursor.execute(_NODES)
        found = [f"{host}:{port}" for host, port in cursor.fetchall()]
    if not is_coordinator:
        raise CannotDistribute(
            "The server of ANALYTICS_DATABASE_URL is a worker of a cluster; name the coordinator."
        )
    if not found:
        raise CannotDistribute(
            "The cluster has no node that takes shards; SELECT citus_add_node('host', 5432) first."
        )
    return found


def steps() -> list[Step]:
    """Return what is left to be done; raises CannotDistribute."""
    distributed, found = _distributed(), []
    for each in placements():
        is_distributed = each.table in distributed
        if is_distributed and distributed[each.table] != each.column:
            there = Placement(each.model, distributed[each.table])
            raise CannotDistribute(
                f"{each.table} is distributed {there}, and should be {each}; "
                f"SELECT undistribute_table('{each.table}') first."
            )
        rows, size, parts = _local_size(each.table)
        if size or not is_distributed:
            found.append(Step(each, rows, size, parts, is_distributed))
    return found


def share_functions() -> None:
    """Let all nodes have the functions that statements call on shards."""
    with deadline.long_transaction(ANALYTICS) as cursor:
        for signature in FUNCTIONS:
            cursor.execute("SELECT create_distributed_function(%s)", [signature])


def _distributed() -> dict[str, str | None]:
    """Return the tables that are distributed, and by which column; None: reference tables."""
    with connections[ANALYTICS].cursor() as cursor:
        cursor.execute(_DISTRIBUTED)
        return dict(cursor.fetchall())


def _local_size(table: str) -> tuple[int, int, int]:
    """Return about how many rows a table has on the coordinator itself, their bytes, and parts."""
    with connections[ANALYTICS].cursor() as cursor:
        cursor.execute(_LOCAL_SIZE, [table, table])
        [[rows, size, parts]] = cursor.fetchall()
    return int(rows) if size else 0, int(size), parts


def _distribute(cursor: Any, placement: Placement, shards: int) -> None:
    """Distribute a table with its partitions and rows; reads go on meanwhile, writes wait."""
    if placement.column is None:
        cursor.execute("SELECT create_reference_table(%s)", [placement.table])
        return
    if len(placement.key) > len(placement.model._meta.pk_fields):
        _widen_primary_key(cursor, placement)
    others = [each.table for each in placements() if each.column == placement.column]
    beside = next((table for table in _distributed() if table in others), None)
    cursor.execute(
        "SELECT create_distributed_table(%s, %s, colocate_with => %s, shard_count => %s)",
        [placement.table, placement.column, beside or "none", None if beside else shards],
    )


def _widen_primary_key(cursor: Any, placement: Placement) -> None:
    cursor.execute(_PRIMARY_KEY, [placement.table])
    [[name]] = cursor.fetchall()
    statement = sql.SQL(
        "ALTER TABLE {table} DROP CONSTRAINT {key}, ADD CONSTRAINT {key} PRIMARY KEY ({columns})"
    ).format(
        table=sql.Identifier(placement.table),
        key=sql.Identifier(name),
        columns=sql.SQL(", ").join(map(sql.Identifier, placement.key)),
    )
    cursor.execute(statement.as_string())


_NODES = """
SELECT nodename, nodeport FROM pg_dist_node WHERE shouldhaveshards AND isactive ORDER BY groupid
"""
_DISTRIBUTED = """
SELECT relname, column_to_column_name(logicalrelid, partkey)
  FROM pg_dist_partition JOIN pg_class ON oid = logicalrelid
 WHERE partmethod = 'h' OR repmodel = 't'
"""
_LOCAL_SIZE = """
SELECT coalesce(sum(greatest(reltuples, pg_stat_get_live_tuples(oid), 0)), 0),
       coalesce(sum(pg_relation_size(oid)), 0), count(*)
  FROM pg_class WHERE relkind = 'r' AND (
    oid = %s::regclass OR oid IN (SELECT relid FROM pg_partition_tree(%s::regclass))
  )
"""
_PRIMARY_KEY = "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'p'"
