from django.db import migrations, models

# Deletions have marked the range of their events, and name the sessions from now on. What waits
# when this runs stands for all sessions of its website. Retention marks no range: it only counts.
WIDEN_DELETIONS = """
UPDATE analytics_dirtyrange
   SET low = '00000000-0000-0000-0000-000000000000', high = 'ffffffff-ffff-ffff-ffff-ffffffffffff'
 WHERE least(page_views, clicks, custom_events) < 0
   AND high > '00000000-0000-0000-0000-000000000000'
"""


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0013_rollup_state'),
    ]

    operations = [
        # Locks a table of what waits for the rollup for a moment; no row of it is rewritten.
        migrations.AddField(
            model_name='dirtyrange',
            name='session_id',
            field=models.CharField(help_text='Of the one session to be made anew; null: of those in the range.', max_length=255, null=True),
        ),
        migrations.RunSQL(WIDEN_DELETIONS, migrations.RunSQL.noop, hints={'home': 'analytics'}),
    ]
