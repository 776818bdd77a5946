"""`manage.py replay_journal`: the journal of a host that is gone, whatever it is like"""

import io
import shutil
import sqlite3
from contextlib import closing

import pytest
from django.core.management import CommandError, call_command
from humanize import naturalsize

from analytics.events.ingest import TABLE
from analytics.events.models import Event
from analytics.ingest import targets
from analytics.ingest.spool import replay, storing
from analytics.ingest.spool.journal import Journal, New
from analytics.ingest.spool.rejected import RejectedRow
from tests.support.databases import failing
from tests.support.events import new_row

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

NONE_LEFT = "No row waits there any more."
DAMAGED = "The journal is damaged: only what can be read of it is stored."


def entry(*rows, database="analytics"):
    return New(database, targets.record(TABLE, rows))


def replay_journal(*arguments):
    out = io.StringIO()
    call_command("replay_journal", *map(str, arguments), stdout=out)
    return out.getvalue().splitlines()


def change(journal, *statements):
    """Change the file of a journal as a stranger may."""
    journal.close()
    with closing(sqlite3.connect(journal.path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_a_journal_of_another_host_is_stored_once(journal, tmp_path):
    rows = [new_row() for _ in range(3)]
    journal.append([entry(*rows)])
    journal.close()
    gone = tmp_path / "gone"
    for copy in (gone, tmp_path / "again"):
        shutil.copytree(journal.folder, copy)
    size = naturalsize(Journal(gone, max_bytes=0).state().bytes)
    waits = f"3 rows wait, {size}."
    assert replay_journal(gone, "--dry-run") == [waits]
    assert not Event.objects.exists()
    assert replay_journal(gone) == [waits, f"3 rows stored. {NONE_LEFT}"]
    assert {event.id for event in Event.objects.all()} == {row.id for row in rows}
    assert replay_journal(gone) == ["0 rows wait, 0 Bytes.", f"0 rows stored. {NONE_LEFT}"]
    replay_journal(tmp_path / "again")
    assert Event.objects.count() == 3


def test_rows_that_are_refused_are_not_counted_as_stored(journal):
    journal.append([entry(new_row(), new_row(event_type="x" * 99))])
    journal.append([New("analytics", targets.record(TABLE, [new_row()])._replace(target="gone"))])
    assert replay_journal(journal.folder)[-1] == (
        f"1 rows stored; 2 are refused, which the admin shows under Rejected rows. {NONE_LEFT}"
    )
    assert (Event.objects.count(), RejectedRow.objects.count()) == (1, 2)


def test_a_damaged_journal_of_another_host_is_read_as_far_as_it_can_be(journal):
    journal.append([entry(new_row())])
    journal.close()
    with journal.path.open("r+b") as file:
        file.write(b"no database")
    assert replay_journal(journal.folder, "--dry-run") == [DAMAGED]
    assert replay_journal(journal.folder) == [DAMAGED, f"0 rows stored. {NONE_LEFT}"]
    assert not journal.damaged()


def test_a_truncated_journal_is_stored_as_far_as_it_goes(journal):
    for _ in range(40):
        journal.append([entry(*(new_row() for _ in range(10)))])
    journal.close()
    whole = journal.path.stat().st_size
    with journal.path.open("r+b") as file:
        file.truncate(whole * 2 // 3)
    out = replay_journal(journal.folder)
    assert out[0] == DAMAGED
    assert 0 < Event.objects.count() < 400
    assert out[1] == f"{Event.objects.count()} rows stored. {NONE_LEFT}"


def test_rows_of_another_host_stay_while_a_database_is_away(journal):
    journal.append([entry(new_row())])
    change(journal, "UPDATE entry SET items = 'none'")
    with (
        failing("analytics", "away"),
        pytest.raises(CommandError, match="1 rows are still in the journal: a database is away"),
    ):
        replay_journal(journal.folder)
    assert journal.state().rows == 1


def test_a_journal_that_another_process_replays_is_left_to_it(journal, monkeypatch):
    journal.append([entry(new_row())])
    store = storing.store
    refusals = []

    def store_and_replay(*arguments):
        with pytest.raises(CommandError) as refused:
            replay_journal(journal.folder)
        refusals.append(str(refused.value))
        return store(*arguments)

    monkeypatch.setattr(storing, "store", store_and_replay)
    replay.replay()
    assert refusals == [
        "1 rows are still in the journal: a database is away or full, or `serve` runs on this "
        "folder. Run it again."
    ]
    assert Event.objects.count() == 1


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("PRAGMA user_version = 2", "It is of a newer version of Millrace"),
        ("ALTER TABLE entry ADD COLUMN more", "It is a database of something else"),
        ("CREATE TRIGGER t DELETE ON entry BEGIN SELECT 1; END", "It is a database of something"),
        ("CREATE TABLE customer (name)", "It is a database of something else"),
        ("UPDATE entry SET database = 'x' || char(27)", r"databases that there are not: x\\x1b\."),
    ],
)
def test_a_file_that_is_no_journal_of_this_version_stays_as_it_is(journal, statement, message):
    journal.append([entry(new_row())])
    change(journal, statement)
    before = journal.path.read_bytes()
    for options in ([], ["--dry-run"]):
        with pytest.raises(CommandError, match=rf"journal\.db is not replayed\. .*{message}"):
            replay_journal(journal.folder, *options)
    assert journal.path.read_bytes() == before
    assert not Event.objects.exists()


def test_a_journal_that_was_never_written_is_refused(journal):
    journal.folder.mkdir()
    journal.path.touch()
    with pytest.raises(CommandError, match="Nothing was ever written to it"):
        replay_journal(journal.folder)


def test_a_lock_that_links_elsewhere_empties_nothing(journal, tmp_path):
    journal.append([entry(new_row())])
    journal.close()
    for name in ("lock", "replay.lock"):
        other = tmp_path / name
        other.write_text("somebody's")
        (journal.folder / name).unlink(missing_ok=True)
        (journal.folder / name).symlink_to(other)
        replay_journal(journal.folder)
        assert other.read_text() == "somebody's"


@pytest.mark.parametrize("name", ["nothing", "a-file/spool", "x" * 300])
def test_a_folder_without_a_journal_is_refused(tmp_path, name):
    (tmp_path / "a-file").touch()
    with pytest.raises(CommandError, match=r"There is no journal in|File name too long"):
        replay_journal(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["a-file"]
