"""Export and import of the project's own formats: what comes back is what was there"""

import json
import re
import sys
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.core.management import CommandError
from django.db import connections

from analytics.events.ingest import TABLE
from analytics.events.models import ClientContext, Event
from analytics.ingest.commit import store_group
from analytics.moving import export as pages
from analytics.moving.export_file import ExportFile
from analytics.moving.formats import FORMATS
from analytics.reports.derived import rollup, rollup_check, rollup_runs
from analytics.reports.derived.rollup_check import Comparison
from analytics.streams import partitions
from config.db import uuid7
from config.models import RuntimeSettings
from tests.support.client_contexts import BROWSER
from tests.support.events import AT, AT_MS, ID, event_of, new_row, store_event
from tests.support.moving import contexts, export, import_files, lines, run, stored
from tests.support.statistics import DATABASES, NOW

pytestmark = pytest.mark.django_db(databases=DATABASES)
DIGITS = '{"n": 1.10000000000000000000001e2, "n": 12345678901234567890,\n "s": "\\u00e9,\\"\\\\"}'
HOSTILE: list[dict[str, Any]] = [
    {"browser": "", "os": "\\N", "location": '\\"; DROP,\r\n'},
    {"session_id": " ,\t'\"\u2028😀", "visitor_id": "=1+1", "referrer": "https://a.example/?q=é"},
    {"event_type": "custom", "properties": DIGITS},
    {"event_type": "click", "properties": '{"a":"\\n"}', "device_type": "tablet"},
    {"created_at": uuid7.from_ms(AT_MS + 40 * 86_400_000)},
]


@pytest.fixture
def hostile(website):
    """A website of events with values that a careless format would change."""
    times = [uuid7.to_ms(values.get("created_at", AT)) for values in HOSTILE]
    rows = [
        new_row(id, **{"website_id": website.pk} | values)
        for id, values in zip(uuid7.new_ids(times), HOSTILE, strict=True)
    ]
    store_group(TABLE, [rows])
    return website


def on_one_line(rows):
    """Return rows as a line of JSON has them: without white space between the properties' parts."""
    events, contexts = rows
    lines = [row["properties"] for row in events]
    shown = [
        text and (msgspec.json.format(text, indent=-1) if b"\n" in text else text) for text in lines
    ]
    return [row | {"properties": text} for row, text in zip(events, shown, strict=True)], contexts


def erase():
    Event.objects.all().delete()
    ClientContext.objects.all().delete()


@pytest.mark.parametrize("name", ["e.jsonl", "e.csv", "e.parquet", "e.jsonl.gz", "E.CSV.gz"])
def test_what_is_imported_is_what_was_exported(hostile, tmp_path, name, monkeypatch):
    monkeypatch.setattr(pages, "PAGE_ROWS", 2)
    before = stored()
    file = tmp_path / name
    exported = export(hostile, file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [name]
    erase()
    out, err = import_files(hostile, file)
    assert (err, lines(out)[0].split(",")[0]) == ("", "5 events were imported")
    after = stored()
    assert after == (on_one_line(before) if "csv" not in name.lower() else before)
    out, _ = import_files(hostile, file)
    assert lines(out)[:2] == ["0 events were imported.", "5 are there already."]
    assert stored() == after
    again = export(hostile, tmp_path / f"again-{name}")
    assert again == exported
    with connections["analytics"].cursor() as cursor:
        cursor.execute(f"SELECT FROM {partitions.default_name(Event)}")
        assert not cursor.fetchall()


def test_lines_of_json_are_those_of_the_api(api, website, tmp_path):
    sent = event_of(website, timestamp=AT_MS, properties={"plan": "pro"}, browser="Lynx")
    id = api.post("/api/v1/events", sent, headers=BROWSER).json()["id"]
    [line] = map(json.loads, export(website, tmp_path / "e.jsonl").splitlines())
    context = line.pop("context")
    assert line == api.get(f"/api/v1/events/{id}").json()
    assert context.pop("id")[:13] == id[:13]
    assert context == {
        **{"browser": "Chrome", "browserVersion": "142.0.0.0", "os": "Windows", "osVersion": "10"},
        **{"device": "desktop", "language": "de-AT"},
    }


def test_statistics_of_a_copy_are_the_same(api, website, clock, tmp_path, ask):
    clock.set(NOW)
    for number in range(6):
        at = uuid7.to_ms(NOW) - (number // 2) * 86_400_000 - number
        for path in ("", "a", "a")[: 1 + number % 3]:
            sent = {"url": f"https://example.com/{path}", "timestamp": at + len(path)}
            sent |= {"sessionId": f"s{number}", "visitorId": f"v{number % 4}"}
            browser = BROWSER if number else BROWSER | {"User-Agent": "Googlebot/2.1"}
            response = api.post("/api/v1/events", event_of(website, **sent), headers=browser)
            assert response.status_code == 201
    before = figures(ask)
    assert [row["value"] for row in before[2]["rows"]] == ["Chrome"]
    file = tmp_path / "e.parquet"
    export(website, file)
    erase()
    assert figures(ask)[0]["totals"]["metrics"]["visitors"] == 0
    import_files(website, file)
    assert figures(ask) == before
    found = Comparison()
    for days in range(4):
        rollup_check.compare_day(website, (NOW - timedelta(days=days)).date(), found)
    rollup_check.compare_totals(website, found)
    assert (found.differences, found.skipped, found.checked > 8) == ([], [], True)


def test_a_sealed_day_counts_what_is_imported_into_it(website, clock, tmp_path, ask):
    store_event(uuid7.to_ms(NOW) - 2 * 86_400_000, website_id=website.pk)
    clock.set(NOW)
    assert rollup.refresh(website, 60)
    assert list(rollup_runs.seal_all([website])) == [1]
    file = tmp_path / "e.jsonl"
    file.write_text(line_of(createdAt="2026-03-27T08:00:00Z"))
    import_files(website, file)
    assert ask("metrics=sessions").json()["totals"]["metrics"] == {"sessions": 2}
    assert list(rollup_runs.seal_all([website])) == [1]
    found = Comparison()
    rollup_check.compare_day(website, (NOW - timedelta(days=2)).date(), found)
    assert (found.differences, found.checked > 9) == ([], True)


def figures(ask):
    return [
        ask(f"metrics=visitors,sessions,pageviews,bounceRate,sessionDuration{by}").json()
        for by in (
            "",
            "&by=page",
            "&by=browser",
            "&by=language",
            "&bots=only",
            "&by=time&interval=day",
        )
    ]


def test_an_export_goes_on_where_it_was_stopped(website, tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "PAGE_ROWS", 2)
    for number in range(7):
        store_event(AT_MS + number, website_id=website.pk)
    whole = {name: export(website, tmp_path / f"whole.{name}") for name in FORMATS}
    for name in FORMATS:
        file = tmp_path / f"e.{name}"
        written = ExportFile(str(file), name, website.pk, uuid7.LOWEST, uuid7.HIGHEST).write()
        assert [next(written), next(written)] == [2, 2]
        written.close()
        with (tmp_path / f"e.{name}.part").open("ab") as part:
            part.write(b"half a line")
        out, _ = run("export", website.pk, output=str(file))
        assert out.startswith("3 events written")
        assert out.endswith("4 were there.\n")
        assert file.read_bytes() == whole[name]
        assert list(tmp_path.glob("e.*.p*")) == []


def test_an_export_that_was_stopped_goes_on_with_the_same_range_only(website, tmp_path):
    store_event(AT_MS, website_id=website.pk)
    file = tmp_path / "e.csv"
    written = ExportFile(str(file), "csv", website.pk, uuid7.LOWEST, uuid7.HIGHEST).write()
    next(written)
    with pytest.raises(CommandError, match=r"Another export is writing .*e\.csv\."):
        run("export", website.pk, output=str(file))
    written.close()
    with pytest.raises(CommandError, match=r"is of another website, format or range"):
        run("export", website.pk, output=str(file), start="2026-01-01")
    with pytest.raises(CommandError, match=r"is of another website, format or range"):
        run("export", website.pk, output=str(file), format="jsonl")
    with pytest.raises(CommandError, match=r"is of another website, format or range"):
        run("export", website.pk, output=str(file), end="2026-01-01")


def test_an_export_that_was_stopped_goes_on_to_the_end_that_is_named_now(website, tmp_path):
    for days in range(3):
        store_event(AT_MS + days * 86_400_000, website_id=website.pk)
    file, end = tmp_path / "e.jsonl", uuid7.next_after(Event.objects.earliest("id").id)
    written = ExportFile(str(file), "jsonl", website.pk, uuid7.LOWEST, end).write()
    assert next(written) == 1
    written.close()
    run("export", website.pk, output=str(file), end="2026-01-30")
    assert len(file.read_bytes().splitlines()) == 2


def test_parquet_needs_a_package_that_may_be_missing(website, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "in.parquet").touch()
    with pytest.raises(CommandError, match="Parquet needs pyarrow, which is not installed"):
        export(website, tmp_path / "out.parquet")
    with pytest.raises(CommandError, match="Parquet needs pyarrow, which is not installed"):
        import_files(website, tmp_path / "in.parquet")


def test_an_export_of_a_range_and_into_the_terminal(website, tmp_path):
    ids = [store_event(AT_MS + n * 86_400_000, website_id=website.pk).id for n in range(3)]
    store_event(AT_MS, website_id=uuid7.new_id_now())
    out, _ = run("export", website.tracking_code, start="2026-01-29", end="2026-01-30T20:00:00Z")
    assert [json.loads(line)["id"] for line in lines(out)] == [str(ids[1])]
    out, _ = run("export", website.pk, format="csv")
    assert [line.split(",")[0] for line in lines(out)] == ["id", *map(str, ids)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"website": "nobody"}, "There is no website nobody."),
        ({"start": "yesterday"}, "'yesterday' is no date"),
        ({"start": "9999-12-31T23:59:59-01:00"}, "--until must be after --from."),
        ({"start": "2026-02-01", "end": "2026-01-01"}, "--until must be after --from."),
        ({"output": "x.txt"}, "Say which --format: jsonl, csv, parquet."),
        ({"format": "parquet"}, "Parquet needs a file: --output FILE."),
        ({"output": "/nowhere/e.csv"}, "cannot be made: No such file or directory."),
        ({"output": "/etc/hostname", "format": "csv"}, "/etc/hostname is there already."),
    ],
)
def test_an_export_that_makes_no_sense(website, arguments, message):
    arguments = {"website": str(website.pk)} | arguments
    with pytest.raises(CommandError, match=re.escape(message)):
        run("export", arguments.pop("website"), **arguments)


def test_a_dry_run_says_what_an_import_does(website, make_website, user, tmp_path, clock):
    RuntimeSettings.load().change({"event_retention_days": 30}, changed_by="x")
    stored_ids = [store_event(AT_MS + n, website_id=website.pk).id for n in range(2)]
    own = [line_of(id=str(id), createdAt=None) for id in stored_ids]
    theirs = store_event(AT_MS, website_id=make_website(user, "other.example").pk).id
    texts = [
        *own,
        line_of(id=str(theirs), createdAt=None),
        line_of(),
        line_of(),  # equal, and another event all the same
        line_of(createdAt="2026-01-28T20:00:00.001+01:00", context={"country": "AT"}),
        *(text for text, _ in BROKEN),
    ]
    file = tmp_path / "e.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + b"\n".join(text.encode() for text in texts) + b"\n\xff\n")
    before = stored()
    clock.set(AT + timedelta(days=40))
    out, err = import_files(website, file, dry_run=True)
    assert lines(out) == [
        "3 events would be imported, from 2026-01-28 19:00 to 2026-01-28 20:00 UTC.",
        "2 are there already.",
        "1 would be left out: their ids belong to events of another website. "
        "--new-ids imports a copy of them.",
        f"{len(BROKEN) + 1} lines would be left out: broken, see below.",
        "WARNING: 3 are older than event_retention_days allows: the next `retention` deletes them.",
        "Nothing was written. Without --dry-run it is.",
    ]
    expected = [f"{file}:{n}: {message}" for n, (_, message) in enumerate(BROKEN, 7)]
    assert lines(err) == [*expected, f"{file}:{7 + len(BROKEN)}: Not UTF-8"]
    assert stored() == before
    assert lines(import_files(website, file)[0])[:5] == [
        line.replace("would be", "were") for line in lines(out)[:5]
    ]
    assert len(stored()[0]) == len(before[0]) + 3
    assert contexts("country", "created_at") == [
        ("AT", AT - timedelta(minutes=60, milliseconds=-1))
    ]
    assert lines(import_files(website, file)[0])[:2] == [
        "0 events were imported.",
        "5 are there already.",
    ]


def line_of(**changes):
    usual = {
        **{"createdAt": "2026-01-28T20:00:00Z", "eventType": "pageview"},
        **{"url": "https://example.com/", "sessionId": "s", "visitorId": "v"},
    }
    return json.dumps(
        {name: value for name, value in (usual | changes).items() if value is not None}
    )


BROKEN = [
    ("{", "Input data was truncated"),
    ("[]", "Expected `object`, got `array`"),
    (line_of(createdAt="2014-12-31"), "Timestamp out of range"),
    (line_of(createdAt="soon"), "createdAt: input is too short"),
    (line_of(createdAt=None), "createdAt: Required where there is no id"),
    (
        line_of(id="019c0630-fe00-70c8-aa3a-de3497964cb9", createdAt="2026-01-29"),
        "createdAt is not the time of the id",
    ),
    (line_of(url="nowhere", visitorId=""), "url: Invalid URL; visitorId: Visitor ID is required"),
    (line_of(browser="x" * 101), "browser: Browser name too long"),
    (line_of(properties={"a": "x" * 20_000}), "properties: Properties exceed 10000 bytes"),
    (
        line_of(context={"country": "Austria"}),
        "Expected `str` matching regex '\\\\A[A-Z]{2}\\\\Z' - at `$.context.country`",
    ),
    (
        line_of(id=ID, context={"id": "019c0630-fe01-70c8-aa3a-de3497964cb9"}),
        "context: its id is no UUIDv7 of the time of the event",
    ),
]
