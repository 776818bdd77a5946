import django.db.models.functions.datetime
from django.db import migrations, models

# Whatever deletes a website, by a cascade or by hand, writes this row in its transaction. TRUNCATE
# and a restore of a dump do not: they say nothing about websites that somebody wanted to be gone.
CREATE_FUNCTION = """
CREATE FUNCTION millrace_record_deleted_website() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO websites_deletedwebsite (id) VALUES (OLD.id) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$
"""
CREATE_TRIGGER = """
CREATE TRIGGER record_deleted_website AFTER DELETE ON websites_website
    FOR EACH ROW EXECUTE FUNCTION millrace_record_deleted_website()
"""
DROP_TRIGGER = 'DROP TRIGGER record_deleted_website ON websites_website'
DROP_FUNCTION = 'DROP FUNCTION millrace_record_deleted_website()'


class Migration(migrations.Migration):
    """It locks the table of websites against changes for a moment, and reads nothing of it."""

    dependencies = [
        ('websites', '0007_erasure_requests'),
    ]

    operations = [
        migrations.CreateModel(
            name='DeletedWebsite',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('deleted_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
        ),
        migrations.RunSQL(CREATE_FUNCTION, DROP_FUNCTION, hints={'home': 'default'}),
        migrations.RunSQL(CREATE_TRIGGER, DROP_TRIGGER, hints={'home': 'default'}),
    ]
