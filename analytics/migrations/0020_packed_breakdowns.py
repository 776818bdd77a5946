from django.db import migrations, models

# Arrays of small numbers, which are read as they are more often than they could be kept in memory.
STORE_PLAIN = 'ALTER TABLE analytics_breakdown ALTER COLUMN data SET STORAGE EXTERNAL'
# The rollup seals the days anew, the latest ones first; until then answers come from sessions. Locks
# what waits for the rollup or reads sealed days for a moment.
UNSEAL = 'TRUNCATE analytics_sealedday, analytics_visitorset, analytics_daycolumn'


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0019_long_sessions'),
    ]

    operations = [
        migrations.DeleteModel(
            name='Breakdown',
        ),
        migrations.CreateModel(
            name='Breakdown',
            fields=[
                ('pk', models.CompositePrimaryKey('website_id', 'dimension', 'day', blank=True, editable=False, primary_key=True, serialize=False)),
                ('website_id', models.UUIDField()),
                ('day', models.DateField()),
                ('dimension', models.CharField(max_length=16)),
                ('data', models.BinaryField()),
            ],
        ),
        migrations.AlterField(
            model_name='visitorset',
            name='position',
            field=models.SmallIntegerField(help_text='Of the value; 0 has most visitors.'),
        ),
        migrations.RunSQL(STORE_PLAIN, migrations.RunSQL.noop, hints={'home': 'analytics'}),
        migrations.RunSQL(UNSEAL, migrations.RunSQL.noop, hints={'home': 'analytics'}),
    ]
