"""What tests without a rollback leave behind"""

from django.db import connections

from analytics.streams import partitions
from analytics.streams.base import streams
from config.db.routers import home

FILLED_BY_MIGRATIONS = {
    *("django_content_type", "auth_permission", "auth_group", "auth_group_permissions"),
}


def drop_partitions():
    """Drop all partitions but the default ones."""
    for model in streams():
        with connections[home(model)].cursor() as cursor:
            for each in partitions.list_partitions(model):
                if not each.is_default:
                    cursor.execute(f"DROP TABLE {each.name}")


def sql_flush(style, connection, **options):
    """Return the statements that empty a database, but for what migrations alone fill."""
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    emptied = [name for name in names if name not in FILLED_BY_MIGRATIONS]
    return connection.ops.sql_flush(style, emptied, **options)
