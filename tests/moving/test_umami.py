"""Import from Umami: a dump as text, or a CSV file for each table"""

import csv
import gzip

import pytest
from django.core.management import CommandError

from analytics.moving import umami
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
SITE, OTHER = "f0000000-0000-4000-8000-000000000001", "f0000000-0000-4000-8000-000000000002"
VISITOR, VISIT = "11111111-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000001"
EVENT = "33333333-0000-4000-8000-00000000000"
TABLES: dict[str, list[tuple[str | None, ...]]] = {
    "event_data": [
        ("website_event_id", "data_key", "string_value", "number_value", "date_value", "data_type"),
        (f"{EVENT}2", "price", "19.9900", "19.9900", None, "2"),
        (f"{EVENT}2", "name", "a\tb\\c", None, None, "1"),
        (f"{EVENT}2", "new", "true", None, None, "3"),
        (f"{EVENT}2", "tags", '["a",1.50]', None, None, "5"),
        (f"{EVENT}2", "due", None, None, "2026-02-01 00:00:00+00", "4"),
    ],
    "session": [
        (
            *("session_id", "website_id", "browser", "os", "device", "screen", "language"),
            *("country", "distinct_id"),
        ),
        (VISITOR, SITE, "crios", "Windows 10", "laptop", "1920x1080", "en-us", "AT", "jo"),
    ],
    "website_event": [
        (
            *("event_id", "website_id", "session_id", "visit_id", "created_at", "url_path"),
            *("url_query", "referrer_path", "referrer_domain", "page_title", "event_type"),
            *("event_name", "hostname", "lcp"),
        ),
        (
            *(f"{EVENT}1", SITE, VISITOR, VISIT, "2026-01-28 21:00:00.123456+01", "/a", "b=c"),
            *("/search", "www.google.com", "A “page”", "1", None, "www.example.com", "9"),
        ),
        (
            *(f"{EVENT}2", SITE, VISITOR, VISIT, "2026-01-28 20:01:00+00", "/a", None),
            *(None, None, None, "2", "buy", None, None),
        ),
        (
            *(f"{EVENT}3", OTHER, VISITOR, VISIT, "2026-01-28 20:01:00+00", "/", None),
            *(None, None, None, "1", None, None, None),
        ),
        (
            *(f"{EVENT}4", SITE, VISITOR, VISIT, "2026-01-28 20:01:00+00", "/", None),
            *(None, None, None, "3", None, None, None),
        ),
        (
            *(f"{EVENT}5", SITE, VISITOR, VISIT, "tomorrow", "/", None),
            *(None, None, None, "1", None, None, None),
        ),
    ],
}


def escaped(cell):
    return r"\N" if cell is None else cell.replace("\\", r"\\").replace("\t", r"\t")


def dump(path):
    """Write the tables as pg_dump does."""
    parts = ["--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\n"]
    for table, (columns, *rows) in TABLES.items():
        parts.append(f"\nCOPY public.{table} ({', '.join(map(str, columns))}) FROM stdin;\n")
        parts += ["\t".join(map(escaped, row)) + "\n" for row in rows]
        parts.append("\\.\n")
    path.write_bytes(gzip.compress("".join(parts).encode()))
    return [path]


def csv_files(directory):
    """Write the tables as `\\copy ... CSV HEADER` does."""
    files = []
    for table, rows in TABLES.items():
        files.append(directory / f"{table}.csv")
        with files[-1].open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    return files


@pytest.mark.parametrize("write", [lambda path: dump(path / "umami.sql.gz"), csv_files])
def test_events_visits_and_visitors_are_imported(website, copy, tmp_path, write):
    files = write(tmp_path)
    usual = {"format": "umami", "source_website": SITE}
    out, err = import_files(website, *files, **usual, dry_run=True)
    assert lines(out)[2:] == [
        "2 events would be imported, from 2026-01-28 20:00 to 2026-01-28 20:01 UTC.",
        "0 are there already.",
        "1 would be left out: values of the column session.distinct_id.",
        "1 would be left out: values of the column website_event.lcp.",
        "1 would be left out: of other websites of Umami.",
        "1 would be left out: of links, pixels and web vitals, which are no events of pages.",
        "1 lines would be left out: broken, see below.",
        "Nothing was written. Without --dry-run it is.",
    ]
    assert err.endswith("created_at: input is too short\n")
    import_files(website, *files, **usual)
    assert brief("event_type", "url", "referrer", "session_id", "visitor_id") == [
        (
            *("pageview", "https://www.example.com/a?b=c", "https://www.google.com/search"),
            *(VISIT, VISITOR),
        ),
        ("custom", "https://example.com/a", None, VISIT, VISITOR),
    ]
    assert properties() == [
        {"imported": "umami", "title": "A “page”", "screen": "1920x1080"},
        {
            **{"imported": "umami", "name": "buy", "price": 19.99, "data.name": "a\tb\\c"},
            **{"new": True, "tags": ["a", 1.5], "due": "2026-02-01 00:00:00+00"},
        },
    ]
    assert contexts(
        "session_id", "country", "browser", "os", "os_version", "device", "language"
    ) == [(VISIT, "AT", "Chrome Mobile iOS", "Windows", "10", "desktop", "en-US")]
    before = stored()
    assert before[0][0]["created_at"].isoformat() == "2026-01-28T20:00:00.123000+00:00"
    assert b'"price":19.99,' in before[0][1]["properties"]
    out, _ = import_files(website, *files, **usual)
    assert lines(out)[2:4] == ["0 events were imported.", "2 are there already."]
    assert stored() == before
    assert_copy_is_whole(website, copy, tmp_path)


def test_a_dump_that_is_not_what_it_should_be(website, tmp_path):
    [whole] = dump(tmp_path / "umami.sql.gz")
    text = gzip.decompress(whole.read_bytes())
    for content, message in (
        (text, r"events of f.*1 \(4 events\), f.*2 \(1 events\): --source-website must name one"),
        (text.partition(b"3333333-0000-4000-8000-000000000002\tprice")[0], "ends within the rows"),
        (text.replace(b"url_path", b"url"), "website_event has no column url_path"),
        (b"PGDMP\x01", "pg_restore --data-only --file dump.sql"),
        (b"CREATE TABLE pageview ();\n", "as Umami has from version 2 on"),
        (b"\xff\xfe-\x00", "UTF-16"),
        (whole.read_bytes()[:-20], "is damaged after line"),
    ):
        file = tmp_path / "dump.sql"
        file.write_bytes(content)
        with pytest.raises(CommandError, match=message):
            import_files(website, file, format="umami")
    with pytest.raises(CommandError, match="must be named after its table"):
        import_files(website, tmp_path / "x.csv", format="umami")
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        import_files(website, tmp_path / "nothing", format="umami")
    assert stored() == ([], [])


def test_rows_of_other_tables_are_counted(website, tmp_path):
    [file] = dump(tmp_path / "umami.sql.gz")
    more = "COPY public.session_data (session_data_id, data_key) FROM stdin;\n1\ta\n2\tb\n\\.\n"
    file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes()) + more.encode()))
    out, _ = import_files(website, file, format="umami", source_website=SITE, dry_run=True)
    assert "2 would be left out: rows of the table session_data." in out


def test_rows_that_no_event_can_be_made_of_are_reported(website, tmp_path, monkeypatch):
    monkeypatch.setattr(umami, "MAX_DATA", 2)
    data, event = tmp_path / "event_data.csv", tmp_path / "website_event.csv"
    data.write_text("website_event_id,data_key,data_type\n" + "e,a,1\n" * 3)
    names = "event_id,website_id,session_id,created_at,url_path,event_type"
    event.write_text(f"{names}\n,w,,2026-01-28,/,1\ne,w,s,2026-01-28,/,1\n")
    _, err = import_files(website, data, event, format="umami")
    assert lines(err) == [
        f"{event}:2: Without event_id and session_id",
        f"{event}:3: More than 2 rows of event_data",
    ]
    assert stored() == ([], [])
