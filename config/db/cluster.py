"""Whether a database is spread over several servers, by the extension Citus

Its statements are the same, but for those that lock rows: on several nodes at once there is no
SELECT ... FOR UPDATE. What would wait there for each other ends as a deadlock, and is repeated.
"""

import time

from django.db import connections

_QUERY = "SELECT to_regproc('citus_is_coordinator') IS NOT NULL"

_PREPARED = """
SELECT result FROM run_command_on_all_nodes($$
    SELECT coalesce(string_agg(gid, ' '), '') FROM pg_prepared_xacts
     WHERE database = current_database()
$$)
"""
# A shard has the name of its table and a number. One that is locked, maybe by the transaction that
# asks, which the connections to its nodes would wait for without an end, counts as empty.
_SHARDS = r"""
SELECT name, sum((size ->> 0)::bigint)::bigint, sum((size ->> 1)::bigint)::bigint
  FROM run_command_on_all_nodes($$
    SELECT coalesce(json_object_agg(relname, json_build_array(
               greatest(reltuples, pg_stat_get_live_tuples(oid), 0)::bigint,
               pg_total_relation_size(oid))), '{}')
      FROM pg_class WHERE relkind = 'r' AND relname ~ '_\d+$'
       AND NOT EXISTS (
           SELECT FROM pg_locks
            WHERE relation = pg_class.oid AND mode = 'AccessExclusiveLock' AND granted
       )
  $$), json_each(result::json) AS shard (relname, size),
       regexp_replace(relname, '_\d+$', %s) AS name
 GROUP BY name
"""
PAUSE_SECONDS = 0.002

_found: dict[str, bool] = {}


def is_cluster(alias: str) -> bool:
    """Return whether a database has Citus; it is asked once a process."""
    if alias not in _found:
        connection = connections[alias]
        connection.ensure_connection()
        with connection.wrap_database_errors:  # no statement of a request, so none that is counted
            [[has_citus]] = connection.connection.execute(_QUERY).fetchall()
        _found[alias] = bool(has_citus)
    return _found[alias]


def row_lock(alias: str, clause: str) -> str:
    """Return a clause that locks rows, or nothing where there is none."""
    return "" if is_cluster(alias) else clause


def shard_sizes(alias: str) -> dict[str, tuple[int, int]]:
    """Return about how many rows each distributed table has on all nodes, and their bytes."""
    if not is_cluster(alias):
        return {}
    with connections[alias].cursor() as cursor:
        cursor.execute(_SHARDS, [""])
        return {name: (rows, size) for name, rows, size in cursor.fetchall()}


def await_commits(alias: str) -> None:
    """Wait until all nodes have committed what one of them shows; do nothing on one server.

    A transaction that wrote on several nodes is committed on one after the other, in milliseconds.
    So whoever goes by rows that tell of others must let it end before these are read.
    """
    if not is_cluster(alias):
        return
    waited_for: set[str] | None = None
    while waited_for is None or waited_for:
        prepared = _prepared(alias)
        waited_for = prepared if waited_for is None else waited_for & prepared
        if waited_for:
            time.sleep(PAUSE_SECONDS)


def _prepared(alias: str) -> set[str]:
    """Return the names of the transactions that nodes are about to commit."""
    with connections[alias].cursor() as cursor:
        cursor.execute(_PREPARED)
        return {name for (names,) in cursor.fetchall() for name in names.split()}


def reset() -> None:
    _found.clear()
