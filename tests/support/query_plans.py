"""Query plans of admin pages"""

import json

from django.db import connections
from django.test.utils import CaptureQueriesContext

# An id of n seconds from now; only PostgreSQL 18 has a function for it.
UUID7 = (
    "(lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint + n * 1000), 12, '0') "
    "|| '7' || left(md5(random()::text), 3) || '8' || left(md5(random()::text), 15))::uuid"
)


def statements(client, path, query=None, *, table="", alias="analytics"):
    """Return the SQL with which a page reads a table, or all of a database."""
    with CaptureQueriesContext(connections[alias]) as asked:
        assert client.get(path, query).status_code == 200
    return [each["sql"] for each in asked if not table or f'FROM "{table}"' in each["sql"]]


def plan_of(sql, alias="analytics", *, allow_scans=True):
    """Return the plan of a statement, and the names of the whole tables' indexes that it uses.

    Tables of a few rows are read from the first row to the last unless that is forbidden.
    """
    with connections[alias].cursor() as cursor:
        if not allow_scans:
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN (FORMAT JSON) " + sql)
        plan = json.dumps(cursor.fetchone()[0])
        cursor.execute(
            "SELECT part.relname, whole.relname FROM pg_inherits "
            "JOIN pg_class part ON part.oid = inhrelid "
            "JOIN pg_class whole ON whole.oid = inhparent WHERE whole.relkind = 'I'"
        )
        return plan, {whole for part, whole in cursor.fetchall() if f'"{part}"' in plan}
