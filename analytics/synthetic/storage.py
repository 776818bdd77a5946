"""Made-up rows on their way into the databases: those of a day in one transaction"""

from django.db import IntegrityError
from django.db.models import Model

from analytics.ingest.bulk_copy import copy_rows, insert_ignoring_duplicates
from analytics.synthetic.hours import Rows
from config.api.outcomes import Outcome
from config.db import deadline
from config.db.routers import home


def store(rows: Rows) -> int:
    """Store rows, some or all of which an earlier run may have stored; return how many were new."""
    try:
        return _write(rows, is_new=True)
    except IntegrityError:
        return _write(rows, is_new=False)


def analyze(*models: type[Model]) -> None:
    """Tell the planner of rows, as PostgreSQL's autovacuum would within a minute."""
    for model in models:
        with deadline.long_transaction(home(model)) as cursor:
            cursor.execute(f"ANALYZE {model._meta.db_table}")


def _write(rows: Rows, *, is_new: bool) -> int:
    [alias] = {table.alias for table in rows}
    write = copy_rows if is_new else insert_ignoring_duplicates
    with deadline.long_transaction(alias) as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")  # it can be generated again
        return sum(
            write(table, list(by_id.values())).count(Outcome.STORED)
            for table, by_id in rows.items()
        )
