"""Plausible's export: a zip of CSV files with the counts of each day, and no events

https://plausible.io/docs/csv-import: the tables imported_visitors, imported_pages and others. The
events that a day may have had are made up of its counts (made_up_days.py).
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

from analytics.events.models import Event
from analytics.moving.files import Lines, dicts_of, lines_of, members_of, rows_of
from analytics.moving.made_up_clients import UTM
from analytics.moving.made_up_days import first_id, made_up, session_id
from analytics.moving.plausible_day import MAX_VIEWS, Day, count_of
from analytics.moving.records import (
    OUT_OF_RANGE,
    Broken,
    BrokenLine,
    Found,
    Left,
    Target,
    UnreadableFile,
)
from analytics.moving.scratch import Scratch, Values, scratch
from analytics.moving.unread_columns import UnreadColumns
from config.api.timestamps import EARLIEST_MS
from config.db import uuid7

TABLES = (
    *("visitors", "pages", "entry_pages", "exit_pages", "sources", "locations", "devices"),
    *("browsers", "operating_systems", "custom_events"),
)
OTHER_TABLE, OTHER_FILE = "rows of a table that is not known: ", "files that are no tables: "
CHANGED = "of days that were imported with other counts"
OF_SCRIPT = "events of the name engagement, by which Plausible measures time and scroll depth"
TOO_MUCH = f"of days with more than {MAX_VIEWS:,} page views or events"
COUNTS = (
    *("visitors", "visits", "pageviews", "bounces", "visit_duration"),
    *("entrances", "exits", "events"),
)
# What is made up of tables, each in place of the other where there are two.
EVENTS_OF = {
    "visitors": ("pageviews", "visits"),
    "pages": ("pageviews",),
    "custom_events": ("events",),
}
COLUMNS = {
    *("date", "hostname", "page", "entry_page", "exit_page", "source", "referrer", *UTM, *COUNTS),
    *("country", "region", "city", "device", "browser", "browser_version", "operating_system"),
    *("operating_system_version", "name", "link_url", "path"),
    *("total_scroll_depth", "total_scroll_depth_visits"),
    *("total_time_on_page", "total_time_on_page_visits"),
}
OWN_EVENT = "engagement"  # sent by its script of every page
MAX_COUNT = 10**9
MAX_EVENTS = 100_000_000
MAX_DAY_BYTES = 32 << 20  # of rows as JSON, which are in memory together
TOO_LONG = f"of days with more than {MAX_DAY_BYTES >> 20} MiB of counts"
TWICE = "of days that are in several files, or twice in one"
FIRST_DAY = uuid7.from_ms(EARLIEST_MS).date() + timedelta(days=1)  # whole in every time zone
BATCH = 10_000
_NAME = re.compile(r"imported_([a-z_]+?)(?:_\d{8}_\d{8})?\.csv(?:\.gz)?")


def read(paths: Sequence[str], target: Target) -> Iterator[Found]:
    """Yield made-up events of the days in zip files, or in the CSV files out of one."""
    counted: Counter[str] = Counter()
    with scratch() as days:
        for path in paths:
            yield from _load(path, days, counted)
        views = (counted["visitors pageviews"], counted["visitors visits"])
        most = max(*views, counted["pages pageviews"]) + counted["custom_events events"]
        if most > MAX_EVENTS:
            raise UnreadableFile(
                f"The files count at least {most:,} page views, visits or events; more than "
                f"{MAX_EVENTS:,} are not made up at once: import the CSV files of the zip by years."
            )
        days.index()
        for key in days.distinct_keys():
            rows, size = days.size_of(key)
            if size > MAX_DAY_BYTES:
                yield Left(TOO_LONG, rows)
            else:
                yield from _events(Day(date.fromisoformat(key), _tables_of(days, key)), target)


def _events(day: Day, target: Target) -> Iterator[Found]:
    if day.is_too_large:
        yield Left(TOO_MUCH, day.rows)
    elif len(day.tables["visitors"]) > 1:
        yield Left(TWICE, day.rows)
    elif _is_changed(day, target):
        yield Left(CHANGED, day.rows)
    else:
        yield from made_up(day, target)


def _is_changed(day: Day, target: Target) -> bool:
    """Return whether the day was imported of other counts: both together would be too much."""
    events = Event.objects.of_website(target.website.pk)
    stored = events.filter(session_id__by_hash=session_id(day, 0)).values_list("id", flat=True)
    found = set(stored)
    return bool(found) and first_id(day, target) not in found


def _tables_of(days: Scratch, key: str) -> dict[str, list[Values]]:
    return {table: days.find(table, key) for table in TABLES}


def _load(path: str, days: Scratch, counted: Counter[str]) -> Iterator[Found]:
    """Store the rows of the tables in a file by their days."""
    if path.lower().endswith((".csv", ".csv.gz")):
        if not _NAME.fullmatch(Path(path).name):
            raise UnreadableFile(f"{path} must be named like imported_visitors.csv.")
        with lines_of(path) as lines:
            yield from _load_table(Path(path).name, lines, days, counted)
        return
    with members_of(path) as members:
        names = Counter(name for name, _ in members if _NAME.fullmatch(name))
        if not names:
            raise UnreadableFile(f"{path} has no file that is named like imported_visitors.csv.")
        name, count = names.most_common(1)[0]
        if count > 1:
            raise UnreadableFile(f"{path} has {count} files of the name {name}.")
        for name, opened in members:
            yield from _load_table(name, opened(), days, counted)


def _load_table(name: str, lines: Lines, days: Scratch, counted: Counter[str]) -> Iterator[Found]:
    match = _NAME.fullmatch(name)
    if match is None:
        yield Left(f"{OTHER_FILE}{name}")
    elif match[1] in TABLES:
        yield from _load_rows(match[1], lines, days, counted)
    elif (others := sum(1 for _ in rows_of(lines)) - 1) > 0:
        yield Left(f"{OTHER_TABLE}{name}", others)


def _load_rows(table: str, lines: Lines, days: Scratch, counted: Counter[str]) -> Iterator[Found]:
    rows: list[tuple[str, Values]] = []
    unread = UnreadColumns()
    for place, row in dicts_of(lines, {"date"}):
        try:
            if isinstance(row, BrokenLine):
                raise row
            unread.count(table, row, COLUMNS)
            day = _checked(row)
        except BrokenLine as error:
            yield Broken(place, str(error))
            continue
        if row.get("name") == OWN_EVENT:
            yield Left(OF_SCRIPT, count_of(row, "events"))
            continue
        rows.append((day, row))
        for count in EVENTS_OF.get(table, ()):
            counted[f"{table} {count}"] += min(count_of(row, count), MAX_VIEWS)
        if len(rows) >= BATCH:
            days.add(table, rows)
            rows = []
    days.add(table, rows)
    yield from unread.left()


def _checked(row: Values) -> str:
    """Return the day of a row whose counts are numbers; raises BrokenLine."""
    try:
        day = date.fromisoformat(row["date"])
    except ValueError as error:
        raise BrokenLine(f"Invalid date: {row['date']:.40}") from error
    if not FIRST_DAY <= day <= uuid7.now().date() + timedelta(days=1):
        raise BrokenLine(OUT_OF_RANGE)
    for name in COUNTS:
        text = row.get(name) or "0"
        if not (text.isascii() and text.isdigit() and len(text) < 11 and int(text) <= MAX_COUNT):
            raise BrokenLine(f"{name}: not a count: {text:.40}")
    return day.isoformat()
