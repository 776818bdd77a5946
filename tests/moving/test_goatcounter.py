"""Import from GoatCounter: its export as CSV"""

import csv
from datetime import time

import pytest
from django.core.management import CommandError

from tests.support.moving import (
    assert_copy_is_whole,
    brief,
    contexts,
    import_files,
    lines,
    properties,
    stored,
)
from tests.support.statistics import DATABASES

pytestmark = pytest.mark.django_db(databases=DATABASES)
HEADER = (
    *("2Path", "Title", "Event", "UserAgent", "Browser", "System", "Session", "Bot", "Referrer"),
    *("Referrer scheme", "Screen size", "Location", "FirstVisit", "Date"),
)
WHO = ("", "Firefox 127", "Windows 10", "9f4c0000-0000-0000-0000-000000000001", "0")
ROWS = [
    ("/a?b=c", "A", "false", *WHO, "news.example/x", "h", "1920,1080,1", "US-TX", "true"),
    ("sign-up", "", "true", *WHO, "", "", "1920,1080,1", "US-TX", "false"),
    ("/", "", "false", *WHO, "Hacker News", "g", "", "US-TX", "false"),
    ("/", "", "false", *WHO, "summer sale", "c", "", "US-TX", "false"),
    ("/", "", "false", *WHO[:-1], "5", "", "", "", "", "false"),
]
TIMES = ("20:00:00Z", "20:00:05Z", "21:00:00+01:00", "20:40:00Z", "20:00:00Z")


def write(path, header=HEADER, rows=ROWS):
    with path.open("w", newline="") as file:
        rows = [(*row, f"2026-01-28T{clock}") for row, clock in zip(rows, TIMES, strict=False)]
        csv.writer(file).writerows([header, *rows])
    return path


def test_page_views_and_events_are_imported(website, copy, tmp_path):
    file = write(tmp_path / "export.csv")
    usual = {"format": "goatcounter", "host": "www.example.com"}
    out, _ = import_files(website, file, **usual, dry_run=True)
    assert lines(out)[2:5] == [
        "4 events would be imported, from 2026-01-28 20:00 to 2026-01-28 20:40 UTC.",
        "0 are there already.",
        "1 would be left out: of bots.",
    ]
    import_files(website, file, **usual)
    host = "https://www.example.com"
    assert sorted(brief("created_at__time", "event_type", "url", "referrer")) == [
        (time.fromisoformat("20:00:00"), "pageview", f"{host}/?utm_source=Hacker+News", None),
        (time.fromisoformat("20:00:00"), "pageview", f"{host}/a?b=c", "https://news.example/x"),
        (time.fromisoformat("20:00:05"), "custom", f"{host}/", None),
        (time.fromisoformat("20:40:00"), "pageview", f"{host}/?utm_campaign=summer+sale", None),
    ]
    assert len(set(brief("session_id"))) == 2  # an hour without an event ends one
    assert set(brief("visitor_id")) == {(WHO[3],)}
    assert {"imported": "goatcounter", "name": "sign-up"} in properties()
    assert {"imported": "goatcounter", "title": "A", "screen": "1920x1080"} in properties()
    assert contexts("country", "region", "browser", "browser_version", "os", "device")[0] == (
        *("US", "US-TX", "Firefox", "127", "Windows", "desktop"),
    )
    before = stored()
    out, _ = import_files(website, file, **usual)
    assert lines(out)[3] == "4 are there already."
    assert stored() == before
    assert_copy_is_whole(website, copy, tmp_path)


def test_values_of_columns_that_are_not_known_are_counted(website, tmp_path):
    rows = [(*row, language) for row, language in zip(ROWS, ("deu", "", "eng"), strict=False)]
    file = write(tmp_path / "e.csv", (*HEADER[:-1], "Language", "Date"), rows)
    out, _ = import_files(website, file, format="goatcounter", dry_run=True)
    assert "2 would be left out: values of the column export.language." in out


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (("1Path", *HEADER[1:]), "is an export of version 1; this reads 2"),
        (("Path", *HEADER[1:]), "is no export of GoatCounter"),
        ((*HEADER[:-1], "When"), "has no column date"),
        ((*HEADER[:-1], "Title"), "has a column twice"),
    ],
)
def test_an_export_of_another_form_is_refused(website, tmp_path, header, message):
    for rows in (ROWS, []):
        with pytest.raises(CommandError, match=message):
            import_files(website, write(tmp_path / "e.csv", header, rows), format="goatcounter")


def test_broken_rows_are_reported_and_the_others_imported(website, tmp_path):
    file = write(tmp_path / "e.csv", rows=ROWS[:1])
    good = file.read_text().splitlines(keepends=True)[1]
    bad = [
        good.replace("2026-01-28", "2026-02-30"),
        '"' + "x" * 2_000_000 + '"\n',
        good.replace("/a?b=c", "/a\0"),
        good.replace("/a?b=c", '"/a"b"'),
        "1,2\n",
        "x" * 5_000_000 + "\n",
    ]
    file.write_text(file.read_text() + "".join(bad) + good.replace(":00Z", ":09Z"))
    out, err = import_files(website, file, format="goatcounter")
    assert lines(out)[2].startswith("2 events were imported")
    assert [line.partition(".csv:")[2][:22] for line in lines(err)] == [
        "3: Invalid date: day v",
        "4: Invalid CSV: field ",
        "5: NUL characters are ",
        "6: Invalid CSV: ',' ex",
        "7: 2 cells instead of ",
        "8: Longer than 4,194,3",
    ]
