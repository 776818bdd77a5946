"""`manage.py import`, whatever it reads: what stops it, what it leaves out, and how it goes on"""

import gzip
import json
import zipfile

import pytest
from django.core.management import CommandError

from analytics.ingest.commit import store_group
from analytics.moving import files, importing
from analytics.streams.locks import TableInUse
from config.server import disk_guard
from tests.support.events import AT_MS, store_event
from tests.support.moving import brief, export, import_files, lines, run, stored
from tests.support.statistics import DATABASES

pytestmark = pytest.mark.django_db(databases=DATABASES)


def line_of(number):
    """Return a page view as a line of JSON."""
    usual = {"eventType": "pageview", "sessionId": "s", "visitorId": "v"}
    at = f"2026-01-28T20:{number // 60:02d}:{number % 60:02d}Z"
    return json.dumps({**usual, "createdAt": at, "url": f"https://example.com/{number}"}) + "\n"


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A file of ten page views, of which four are a batch."""
    monkeypatch.setattr(importing, "BATCH", 4)
    path = tmp_path / "events.jsonl"
    path.write_text("".join(map(line_of, range(10))))
    return path


@pytest.mark.parametrize(
    ("error", "message", "code"),
    [
        (KeyboardInterrupt, "Stopped. What is imported stays; run it again for the rest", 130),
        (TableInUse("It is in use."), "It is in use. What is imported stays", 1),
        (importing.NoRoom, "The disk is full. What is imported stays", 1),
    ],
)
def test_an_import_that_was_stopped_goes_on(website, file, monkeypatch, error, message, code):
    stores = iter([store_group])

    def fail(*arguments):
        if found := next(stores, None):
            return found(*arguments)
        raise error

    monkeypatch.setattr(importing, "store_group", fail)
    with pytest.raises(CommandError, match=message) as stopped:
        import_files(website, file)
    monkeypatch.setattr(importing, "store_group", store_group)
    assert stopped.value.returncode == code
    assert len(brief("id")) == 4
    out, _ = import_files(website, file)
    assert lines(out)[0].startswith("6 events were imported")
    assert lines(out)[1] == "4 are there already."


def test_a_full_disk_stops_it_before_anything_is_written(website, file, monkeypatch):
    monkeypatch.setattr(disk_guard, "look", lambda: True)
    with pytest.raises(CommandError, match="The disk is full"):
        import_files(website, file)
    assert stored() == ([], [])


def test_a_damaged_file_is_imported_up_to_the_damage_which_is_told(website, file):
    packed = gzip.compress(file.read_bytes() * 500)
    damaged = file.with_name("damaged.jsonl.gz")
    damaged.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(
        CommandError, match=r"damaged after line [1-9][\d,]*\. What is imported stays"
    ):
        import_files(website, damaged)
    assert len(brief("id")) >= 10


@pytest.mark.parametrize(("name", "format"), [("b.gz", "access-log"), ("b.zip", "plausible")])
def test_a_bomb_is_refused(website, tmp_path, monkeypatch, name, format):
    monkeypatch.setattr(files, "FREE_BYTES", 10_000)
    bomb = tmp_path / name
    if name.endswith("zip"):
        with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("imported_pages.csv", b"\n" * 1_000_000)
    else:
        bomb.write_bytes(gzip.compress(b"\n" * 1_000_000))
    with pytest.raises(CommandError, match=r"unpacks to far more than any real file: a bomb\?"):
        import_files(website, bomb, format=format)


def test_a_row_of_ever_more_lines_is_no_row(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_ROW_BYTES", 1000)
    file = tmp_path / "e.csv"
    file.write_bytes(b'a,b\n"' + b'\n","' * 1000 + b"\n1,2\n")
    with files.lines_of(str(file)) as opened:
        rows = [row for _, row in files.rows_of(opened)]
    assert rows[0] == ["a", "b"]
    assert str(rows[1]) == "A row of more than 1,000 bytes"
    assert rows[-1] == ["1", "2"]
    assert max(len(row) for row in rows if isinstance(row, list)) < 1000


def test_until_leaves_out_what_was_counted_here(website, file):
    out, _ = import_files(website, file, until="2026-01-28T20:00:07Z")
    assert lines(out)[2] == "3 were left out: later than --until."
    assert len(brief("id")) == 7


def test_new_ids_are_those_of_a_copy(website, make_website, user, tmp_path):
    for number in range(3):
        store_event(AT_MS + number, website_id=website.pk)
    file = tmp_path / "events.csv"
    export(website, file)
    copy = make_website(user, "copy.example")
    out, _ = import_files(copy, file)
    assert lines(out)[2].startswith("3 were left out: their ids belong to events of another")
    for new, known in ((3, 0), (0, 3)):
        out, _ = import_files(copy, file, new_ids=True)
        assert lines(out)[0].startswith(f"{new} events were imported")
        assert lines(out)[1] == f"{known} are there already."
    first, second = (export(each, tmp_path / f"{each.pk}.csv") for each in (website, copy))
    without_ids = [
        [row.split(b",", 3)[1::2] for row in text.splitlines()] for text in (first, second)
    ]
    assert without_ids[0] == without_ids[1]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("events.jsonl", {"website": "nobody"}, "There is no website nobody"),
        ("events.txt", {}, "Say which --format: millrace, umami, plausible, goatcounter, access"),
        ("events.jsonl", {"host": "a b"}, "'a b' is no host"),
        ("events.jsonl", {"until": "now"}, "'now' is no date"),
        ("nothing.csv", {}, "cannot be read: No such file or directory"),
        ("", {"format": "millrace"}, "cannot be read: Is a directory"),
        ("empty.csv", {}, "It is empty"),
        ("other.csv", {}, "has no column createdAt, eventType, sessionId, url, visitorId"),
        ("other.parquet", {}, "is no Parquet file, or damaged"),
    ],
)
def test_an_import_that_makes_no_sense(website, tmp_path, name, options, message):
    (tmp_path / "empty.csv").touch()
    for other in ("other.csv", "other.parquet"):
        (tmp_path / other).write_text("a,b\n1,2\n")
    with pytest.raises(CommandError, match=message):
        run("import", tmp_path / name, **{"website": str(website.pk)} | options)
