"""Columns of free-form data that were jsonb, small ones and large ones"""

import pytest
from django.db import OperationalError, connections, transaction
from django.db.migrations.loader import MigrationLoader

from analytics.checks import json_columns_keep_digits
from analytics.events.models import Event
from analytics.streams import json_columns
from config.db.json_text import JsonTextField
from tests.support.events import PATH, event_of, store_event

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])


def column_type():
    """Return the type of the column in the table and in its partitions."""
    with connections["analytics"].cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT format_type(atttypid, NULL) FROM pg_attribute"
            " JOIN pg_partition_tree('analytics_event') ON attrelid = relid"
            " WHERE attname = 'properties'"
        )
        [(name,)] = cursor.fetchall()
    return name


@pytest.fixture
def _jsonb():
    """Make the column one of type jsonb, as older versions did."""
    with connections["analytics"].cursor() as cursor:
        cursor.execute("ALTER TABLE analytics_event ALTER COLUMN properties TYPE jsonb")


@pytest.fixture
def migrate():
    """Call that makes the column one of type json."""
    connection = connections["analytics"]
    state = MigrationLoader(connection).project_state(("analytics", "0008_session_heartbeats"))
    operation = json_columns.AlterToJsonText("Event", "properties", JsonTextField(null=True))
    to_state = state.clone()
    operation.state_forwards("analytics", to_state)

    def run():
        with connection.schema_editor(atomic=False) as editor:
            operation.database_forwards("analytics", editor, state, to_state)

    return run


@pytest.mark.usefixtures("_jsonb")
def test_a_small_table_is_changed_with_its_rows(migrate):
    stored = store_event(properties={"a": [1.5, None]})
    migrate()
    assert column_type() == "json"
    assert Event.objects.get(pk=stored.pk).properties == {"a": [1.5, None]}


def test_a_table_in_use_is_not_waited_for(migrate, foreign, monkeypatch):
    monkeypatch.setattr(json_columns.AlterToJsonText, "lock_timeout", "50ms")
    foreign.execute("LOCK TABLE analytics_event_default IN ACCESS SHARE MODE")
    with pytest.raises(OperationalError, match="lock timeout"), transaction.atomic("analytics"):
        migrate()


@pytest.mark.usefixtures("_jsonb")
def test_a_large_table_stays_and_the_statement_is_printed(migrate, monkeypatch, capsys):
    monkeypatch.setattr(json_columns, "MAX_BYTES", 0)
    migrate()
    assert column_type() == "jsonb"
    statement = "ALTER TABLE analytics_event ALTER COLUMN properties TYPE json;"
    assert statement in capsys.readouterr().out
    warning = json_columns_keep_digits()
    assert warning.msg == "1 are jsonb still, in which numbers may grow fifty-fold"
    assert warning.hint == f"In a quiet hour, for it locks the table: {statement}"
    with connections["analytics"].cursor() as cursor:
        cursor.execute(statement)
    assert column_type() == "json"
    assert json_columns_keep_digits().msg == "all keep every digit"


@pytest.mark.usefixtures("_jsonb")
def test_events_are_stored_in_jsonb_and_read_from_it(api, website):
    sent = event_of(website, properties={"a": 0.1234567890123456, "b": {"c": None}})
    id = api.post(PATH, sent).json()["id"]
    assert api.get(f"{PATH}/{id}").json()["properties"] == sent["properties"]
    assert Event.objects.get(pk=id).properties == sent["properties"]
    again = sent | {"id": id}
    assert api.post(PATH, again)["X-Event-Outcome"] == "duplicate"
