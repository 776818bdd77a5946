"""Files of others: what they could do to memory, to a terminal, and to what is counted"""

import json
import zipfile
from io import StringIO

import pyarrow
import pyarrow.parquet
import pytest
from django.core.management import CommandError, call_command

from analytics.moving import formats, parquet
from config.db import uuid7
from tests.support.events import AT_MS, store_event
from tests.support.moving import brief, import_files, lines, run
from tests.support.statistics import DATABASES

pytestmark = pytest.mark.django_db(databases=DATABASES)


def line_of(number):
    """Return a page view as a line of JSON."""
    usual = {"eventType": "pageview", "sessionId": "s", "visitorId": "v"}
    at = f"2026-01-28T20:00:{number:02d}Z"
    return json.dumps({**usual, "createdAt": at, "url": f"https://example.com/{number}"}) + "\n"


class Terminal(StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("value", ["\x1b[2J", "\u202e\x9b"])
def test_no_text_of_a_file_commands_the_terminal(website, tmp_path, value):
    file = tmp_path / "imported_pages.csv"
    file.write_text(f"date,page\n{value},/\n")
    _, err = import_files(website, file, format="plausible")
    assert err == f"{file}:2: Invalid date: {ascii(value)[1:-1]}\n"
    archive = tmp_path / "export.zip"
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr(f"{value}/imported_pages.csv", "")
        members.writestr(value, "")
    with pytest.raises(CommandError) as refused:
        import_files(website, archive, format="plausible")
    assert str(refused.value) == f"{archive}/{ascii(value)[1:-1]}/imported_pages.csv: It is empty."


def test_a_file_of_ever_more_columns_fills_no_terminal(website, tmp_path):
    file = tmp_path / "imported_pages.csv"
    names = [f"{number}{'x' * 1000}" for number in range(100)]
    file.write_text(f"date,{','.join(names)}\n2026-02-10{',1' * 100}\n")
    out, _ = import_files(website, file, format="plausible", dry_run=True)
    assert "70 would be left out, for 70 other reasons." in out
    assert len(out) < 10_000


def test_an_export_commands_no_terminal(website):
    store_event(AT_MS, website_id=website.pk, session_id="\x1b[2J\x9b\u202e\n")
    terminal = Terminal()
    call_command("export", str(website.pk), format="csv", stdout=terminal, no_color=True)
    assert "\\x1b[2J\\x9b\\u202e" in terminal.getvalue()
    assert terminal.getvalue().replace("\n", "").isprintable()


def test_a_dry_run_counts_an_id_once(website, tmp_path):
    file = tmp_path / "e.jsonl"
    number, text = uuid7.new_id_now(), line_of(1).replace("{", '{"id": "%s", ', 1)
    row = json.loads(text) | {"id": str(number)}
    del row["createdAt"]
    file.write_text((json.dumps(row) + "\n" + "".join(map(line_of, range(5)))) * 2)
    out, _ = import_files(website, file, dry_run=True)
    assert lines(out)[0].startswith("11 events would be imported")
    assert lines(out)[1] == "1 are there already."


def test_a_parquet_bomb_is_refused(website, tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "FREE_BYTES", 10_000)
    columns = dict.fromkeys(formats.NAMES, ["a"] * 1000) | {"properties": ["x" * 100_000] * 1000}
    names = {name: columns[name] for name in formats.NAMES}
    file = tmp_path / "b.parquet"
    pyarrow.parquet.write_table(pyarrow.table(names), file, compression="zstd")
    assert file.stat().st_size < 20_000
    with pytest.raises(CommandError, match=r"unpacks to far more than any real file: a bomb\?"):
        import_files(website, file)


def test_times_of_parquet_may_have_any_unit_and_numbers_are_refused(website, tmp_path):
    file, row = tmp_path / "e.parquet", json.loads(line_of(1))
    times = pyarrow.array([AT_MS * 1_000_000 + 1], pyarrow.timestamp("ns"))
    for values, message in ((times, None), (pyarrow.array([AT_MS]), "createdAt is of the type")):
        columns = {name: [value] for name, value in row.items()} | {"createdAt": values}
        pyarrow.parquet.write_table(pyarrow.table(columns), file)
        if message is None:
            import_files(website, file)
        else:
            with pytest.raises(CommandError, match=message):
                import_files(website, file)
    assert [uuid7.to_ms(at) for (at,) in brief("created_at")] == [AT_MS]


def test_a_file_that_is_of_no_export_stays(website, tmp_path):
    file, part = tmp_path / "e.csv", tmp_path / "e.csv.part"
    part.write_text("somebody's")
    with pytest.raises(CommandError, match=r"e\.csv\.part is there, but no .*e\.csv\.progress"):
        run("export", website.pk, output=str(file))
    notes = tmp_path / "e.csv.progress"
    notes.write_text("{")
    with pytest.raises(CommandError, match=r"e\.csv\.progress cannot be read; delete it first"):
        run("export", website.pk, output=str(file))
    assert part.read_text() == "somebody's"
    part.unlink()
    notes.unlink()
    (tmp_path / "other").touch()
    part.symlink_to(tmp_path / "other")
    with pytest.raises(CommandError, match=r"e\.csv\.part cannot be made"):
        run("export", website.pk, output=str(file))
