"""manage.py upgrade: what pending migrations lock, and whether `serve` may go on meanwhile"""

import io
import sys

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.db.migrations.loader import MigrationLoader

from analytics import migrations
from config import __version__
from config.management.commands import upgrade as command
from config.server import upgrade_plan
from tests.support.databases import failing

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

PACKAGE, NEW = "migrations_of_a_test", "9999_new"
HINTS = {"home": "analytics"}
TEXT = """
from django.db import migrations, models

def a_function(apps, schema_editor):
    '''Count rows.

    And more.
    '''

class Migration(migrations.Migration):
    dependencies = [{leaf}]
    operations = [{operations}]
"""
ALL_DONE = f"Both databases have all migrations of version {__version__}."


@pytest.fixture
def run():
    """Run the command; return its exit code and its lines."""

    def run(*arguments):
        out = io.StringIO()
        try:
            call_command("upgrade", *arguments, stdout=out)
        except SystemExit as end:
            return end.code, out.getvalue().splitlines()
        return 0, out.getvalue().splitlines()

    return run


@pytest.fixture
def add_migration(tmp_path, monkeypatch, settings):
    """Let the analytics app have one more migration, given its operations."""
    [leaf] = MigrationLoader(None).graph.leaf_nodes("analytics")
    paths = [*migrations.__path__, str(tmp_path / PACKAGE)]
    (tmp_path / PACKAGE).mkdir()
    (tmp_path / PACKAGE / "__init__.py").write_text(f"__path__ = {paths}")
    monkeypatch.syspath_prepend(tmp_path)
    settings.MIGRATION_MODULES = {"analytics": PACKAGE}

    def add(operations):
        text = TEXT.format(leaf=leaf, operations=operations)
        (tmp_path / PACKAGE / f"{NEW}.py").write_text(text)

    yield add
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def sql(statement):
    return f"migrations.RunSQL({statement!r}, hints={HINTS})"


def test_nothing_is_pending(run):
    assert run("--check") == (0, ["default: 0 pending", "analytics: 0 pending", ALL_DONE])
    assert run() == run("--check")


def test_each_database_is_asked_though_the_other_is_away(run, capsys):
    with failing("default", "the server is\naway"), pytest.raises(CommandError) as refused:
        run("--check")
    assert (refused.value.returncode, str(refused.value)) == (
        *(1, "Nothing was changed, as not all is known that has to be."),
    )
    assert capsys.readouterr().err == "default: cannot be asked: the server is\naway\n"


@pytest.mark.parametrize("options", [[], ["--check"]])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "INSERT INTO django_migrations (app, name, applied) VALUES "
            "('analytics', '9999_next', now()), ('of_nobody', '0001_initial', now())",
            "analytics: it has migrations of a newer version: analytics 9999_next. ",
        ),
        (
            "DELETE FROM django_migrations WHERE app = 'analytics' AND name = '0001_initial'",
            "is applied before its dependency analytics.0001_initial",
        ),
    ],
)
def test_a_database_of_another_version_is_left_as_it_is(run, capsys, change, message, options):
    with connections["analytics"].cursor() as cursor:
        cursor.execute(change)
    with pytest.raises(CommandError, match="Nothing was changed"):
        run(*options)
    said = capsys.readouterr().err
    assert message in said
    assert said.endswith(f" {command.OTHER_VERSION}\n")


def test_a_migration_that_fails_says_why(run, add_migration):
    add_migration(sql("CREATE TABLE analytics_event ()"))
    with pytest.raises(CommandError, match='analytics: relation "analytics_event" already exists'):
        run()
    assert run("--check")[0] == command.PENDING


def test_no_failure_looks_like_a_plan():
    of_failures = {1, 2, 130}  # of a database that is away, wrong arguments, Ctrl-C
    assert of_failures.isdisjoint({command.PENDING, command.MUST_STOP})


def test_what_older_code_works_with_needs_no_stop(run, add_migration):
    add_migration("migrations.AddField('session', 'rating', models.IntegerField(null=True))")
    code, lines = run("--check")
    assert code == command.PENDING
    *head, effect, first, advice = lines[-6:]
    assert head == [
        "analytics: 1 pending",
        f"  analytics {NEW}",
        '    ALTER TABLE "analytics_session" ADD COLUMN "rating" integer NULL',
    ]
    assert effect.startswith("      analytics_session (")
    assert effect.endswith("): nobody can read or write it, for a moment")
    assert (first, advice) == (command.FIRST, command.GO_ON)


def test_code_is_named_by_its_title(run, add_migration):
    add_migration(f"migrations.RunPython(a_function, hints={HINTS})")
    code, lines = run("--check")
    assert code == command.MUST_STOP
    assert lines[-2:] == [command.STOP, f"  analytics {NEW}: runs a_function: Count rows."]


STATEMENTS = {
    "CREATE TABLE a (id int)": None,
    "CREATE FUNCTION a() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$": None,
    "CREATE INDEX CONCURRENTLY a ON analytics_event (url)": "nobody waits, about",
    "CREATE INDEX a ON analytics_event (url)": "nobody can write to it, about",
    "ALTER TABLE analytics_event VALIDATE CONSTRAINT a": "nobody waits, about",
    "ALTER TABLE analytics_event ALTER COLUMN os SET STORAGE EXTERNAL": "nobody can read or write",
    "TRUNCATE analytics_sealedday, analytics_breakdown": "nobody can read or write it, for a",
    "UPDATE analytics_event SET os = ''": "whoever changes the same rows waits, about",
}
BREAKING = {
    "ALTER TABLE analytics_event ALTER COLUMN os TYPE text": "nobody can read or write it, about",
    "ALTER TABLE analytics_event DROP COLUMN os": "nobody can read or write it, for a moment",
    "ALTER TABLE analytics_event RENAME TO a": "nobody can read or write it, for a moment",
    "ALTER TABLE analytics_event ADD COLUMN a int NOT NULL": "nobody can read or write it, for a",
    "ALTER TABLE analytics_event ADD FOREIGN KEY (os) REFERENCES a": "nobody can write to it, abo",
    "DROP TABLE analytics_event": "nobody can read or write it, for a moment",
    "VACUUM analytics_event": "whether others wait is not known",
}


@pytest.mark.parametrize("statement", [*STATEMENTS, *BREAKING])
def test_each_kind_of_statement_says_who_waits(run, add_migration, monkeypatch, statement):
    monkeypatch.setattr(upgrade_plan, "BYTES_PER_SECOND", 1)
    add_migration(sql(f"-- a comment\n{statement};\n"))
    code, lines = run("--check")
    expected = (STATEMENTS | BREAKING)[statement]
    assert code == (command.MUST_STOP if statement in BREAKING else command.PENDING)
    assert (f"    {statement}" in lines) == bool(expected)
    assert not expected or expected in lines[lines.index(f"    {statement}") + 1]


def test_what_cannot_be_told_beforehand_needs_a_stop(run, add_migration):
    unknown = "migrations.AlterUniqueTogether('session', set())"
    add_migration(
        f"migrations.RunSQL('', state_operations=[migrations.AlterUniqueTogether("
        f"'session', {{('id', 'user_id')}})]), {unknown}"
    )
    code, lines = run("--check")
    assert code == command.MUST_STOP
    assert lines[-1].startswith(f"  analytics {NEW}: not known before")


def test_it_applies_what_is_pending_to_both_databases(run, add_migration):
    add_migration(sql("CREATE INDEX an_index ON analytics_event (url)"))
    code, lines = run()
    assert (code, lines[-1]) == (0, ALL_DONE)
    assert sum(f"Applying analytics.{NEW}" in line for line in lines) == 2
    assert run("--check")[0] == 0


def test_an_empty_database_keeps_nobody_waiting(run):
    with connections["analytics"].cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations")
    code, lines = run("--check")
    assert code == command.PENDING
    assert lines[1].startswith("analytics: has no tables yet, ")


def test_a_new_service_has_nothing_to_back_up(run):
    for alias in ("default", "analytics"):
        with connections[alias].cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations")
    code, lines = run("--check")
    assert code == command.PENDING
    assert [line.partition(",")[0] for line in lines] == [
        "default: has no tables yet", "analytics: has no tables yet",
    ]  # fmt: skip
