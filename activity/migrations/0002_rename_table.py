from django.db import migrations

from analytics.streams.partitions import RenamePartitionedTable


class Migration(migrations.Migration):
    """Name the table activity_events.

    Takes a short ACCESS EXCLUSIVE lock on the table and its partitions, and rewrites nothing.
    Processes of the version before do not find the table afterwards: stop them first.
    """

    dependencies = [("activity", "0001_initial")]

    operations = [RenamePartitionedTable("ActivityEvent", "activity_events")]
