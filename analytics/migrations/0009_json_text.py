from django.db import migrations

import config.db.json_text
from analytics.streams.json_columns import AlterToJsonText


class Migration(migrations.Migration):
    """Free-form data as the JSON text that came, with every digit.

    PostgreSQL rewrites each of these tables, under a lock that lets nobody read or write: about thirty
    seconds for a gigabyte, so that larger tables are left as they are. The code reads and writes
    both types; the migration prints the statement that changes a large table in a quiet hour.
    """

    dependencies = [("analytics", "0008_session_heartbeats")]

    operations = [
        AlterToJsonText("Event", "properties", config.db.json_text.JsonTextField(null=True)),
        AlterToJsonText("FunnelEvent", "event_data", config.db.json_text.JsonTextField()),
        AlterToJsonText("CollectedEvent", "event_data", config.db.json_text.JsonTextField()),
        AlterToJsonText("PlatformEvent", "properties", config.db.json_text.JsonTextField()),
    ]
