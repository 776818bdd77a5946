"""Journals that were begun on a full disk, or hold entries that nothing can be made of"""

import resource
import sqlite3
from contextlib import closing, contextmanager

import pytest

from analytics.events.ingest import TABLE
from analytics.events.models import Event
from analytics.ingest import targets
from analytics.ingest.spool import replay
from analytics.ingest.spool.journal import New
from analytics.ingest.spool.rejected import RejectedRow
from tests.support.events import new_row

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])


@contextmanager
def files_of_at_most(size):
    """Let no file of this process grow beyond a size."""
    _, most = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def entry(*rows):
    return New("analytics", targets.record(TABLE, rows))


@pytest.mark.parametrize("size", [0, 5000, 20_000])
def test_a_journal_that_was_begun_on_a_full_disk_takes_rows_once_there_is_room(journal, size):
    journal.folder.mkdir()
    with files_of_at_most(size), pytest.raises(sqlite3.OperationalError):
        journal.append([entry(*(new_row() for _ in range(100)))])
    journal.append([entry(new_row())])
    assert journal.state().rows == 1


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("target", "'a' || char(0)"),
        ("target", "x'ff00'"),
        ("target", "CAST(x'ff' AS TEXT)"),
        ("target", "7"),
        ("columns", "'id'"),
        ("columns", "char(0)"),
        ("items", "'many'"),
        ("items", "-1"),
        ("at", "'then'"),
        ("checksum", "'none'"),
        ("data", "x'ff00'"),
        ("data", "'[1]'"),
        ("data", "7"),
    ],
)
def test_an_entry_with_a_damaged_column_stops_none_behind_it(journal, column, value):
    good = new_row()
    journal.append([entry(new_row())])
    with closing(sqlite3.connect(journal.path)) as connection:
        connection.execute(f"UPDATE entry SET {column} = {value}")
        connection.commit()
    journal.append([entry(good)])
    replay.replay()
    assert Event.objects.filter(id=good.id).exists()
    assert journal.state().rows == 0
    assert RejectedRow.objects.count() + Event.objects.count() == 2


@pytest.mark.parametrize("data", [b"7", b"{}", b"[7]", b"[[1, 2]]", b"[{}]", b"[null]"])
@pytest.mark.parametrize("columns", [None, "id,url"])
def test_items_that_are_no_rows_are_rejected(journal, data, columns):
    recorded = targets.record(TABLE, [])._replace(items=1, data=data)
    journal.append([New("analytics", recorded._replace(columns=columns or recorded.columns))])
    replay.replay()
    assert journal.state().rows == 0
    if data != b"{}":
        assert RejectedRow.objects.count() == 1


def test_an_entry_that_could_not_be_read_is_stored_again_as_all_its_rows(journal):
    rows = [new_row() for _ in range(3)]
    journal.append([New("analytics", targets.record(TABLE, rows)._replace(target="gone"))])
    replay.replay()
    rejected = RejectedRow.objects.get()
    rejected.target = "event"
    assert rejected.store()
    assert Event.objects.count() == 3
    assert not RejectedRow.objects.exists()
