from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0007_maintenance_failures'),
    ]

    operations = [
        # Locks sessions and all their partitions, but for a moment: a column that may be null and
        # has no default is only noted in the catalogue, no row is written.
        migrations.AddField(
            model_name='session',
            name='last_heartbeat_at',
            field=models.DateTimeField(null=True),
        ),
    ]
