"""Partitions of tests without a rollback"""

from django.db import connections

from analytics.streams import partitions
from analytics.streams.base import streams
from config.db.routers import home


def drop_partitions():
    """Drop all partitions but the default ones."""
    for model in streams():
        with connections[home(model)].cursor() as cursor:
            for each in partitions.list_partitions(model):
                if not each.is_default:
                    cursor.execute(f"DROP TABLE {each.name}")
