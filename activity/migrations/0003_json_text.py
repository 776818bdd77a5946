from django.db import migrations

import config.db.json_text
from analytics.streams.json_columns import AlterToJsonText


class Migration(migrations.Migration):
    """Metadata as the JSON text that came, with every digit.

    PostgreSQL rewrites the table, under a lock that lets nobody read or write, unless it is larger
    than a gigabyte: analytics/migrations/0009_json_text.py says more.
    """

    dependencies = [("activity", "0002_rename_table")]

    operations = [
        AlterToJsonText("ActivityEvent", "metadata", config.db.json_text.JsonTextField()),
    ]
