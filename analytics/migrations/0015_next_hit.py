from django.db import migrations

# Subqueries of a statement keep PostgreSQL from sharing it among processes; this does not.
CREATE = r"""
CREATE FUNCTION millrace_next_hit(
    types text, letter text, texts text[], wanted text, is_pattern boolean, after int
) RETURNS int LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    FOR n IN after + 1 .. cardinality(texts) LOOP
        IF lower(substr(types, n, 1)) = letter
           AND (CASE WHEN is_pattern THEN texts[n] ~ wanted ELSE texts[n] = wanted END)
        THEN
            RETURN n;
        END IF;
    END LOOP;
    RETURN NULL;
END $$
"""
DROP = 'DROP FUNCTION millrace_next_hit(text, text, text[], text, boolean, int)'


class Migration(migrations.Migration):
    """The position of the first hit of a kind after another whose page or name is wanted.

    It locks nothing.
    """

    dependencies = [
        ('analytics', '0014_marks_of_sessions'),
    ]

    operations = [
        migrations.RunSQL(CREATE, DROP, hints={'home': 'analytics'}),
    ]
