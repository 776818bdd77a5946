"""Made-up traffic of the demo website: days until now, whose rows are the same in every run"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from analytics.events.ingest import CONTEXTS, TABLE
from analytics.reports.models import WebsiteSession
from analytics.streams import partitions
from analytics.streams.partitions import Month
from analytics.synthetic.audience import Site
from analytics.synthetic.events import SiteEvents, rows_of
from analytics.synthetic.hours import DAY_MS, Hours, Rows, start_ms_of, start_of, weight_of
from analytics.synthetic.storage import analyze, store
from config.db import uuid7
from websites.models import Website

EVENTS_A_DAY = 2200  # about 50,000 in the month before the website was made
GROWTH = 0.5  # from a month before the website was made until then
GROWTH_DAYS = 30


@dataclass(frozen=True, slots=True)
class StoredDay:
    """What a day has, and how many rows of it were not there before."""

    events: int
    visits: int
    new_rows: int


def fill(website: Website, days: int, now: datetime) -> Iterator[StoredDay]:
    """Store the traffic of a website until now; yield what each day has.

    A day's rows depend on the website and on that day alone, so that they are stored once, however
    often that is done.
    """
    last = now.date()
    wanted = [last - timedelta(days=n) for n in range(days, -1, -1)]
    _create_partitions(wanted, last)
    for day in wanted:
        rows = _until(now, _rows(website, day))
        if rows[TABLE]:
            yield StoredDay(len(rows[TABLE]), len(rows[CONTEXTS]), store(rows))
        if day in (wanted[0], last):
            # The rollup, which has begun by then, takes five times as long with plans for nothing.
            analyze(TABLE.model, CONTEXTS.model)


def _rows(website: Website, day: date) -> Rows:
    random = Random(f"{website.pk} {day}")
    age = (day - website.created_at.date()).days / GROWTH_DAYS
    growth = 1 + GROWTH * min(max(age, -1), 0)
    start_ms = start_ms_of(day)
    # Visits that begin before midnight may end after it.
    hours = Hours(start_ms, start_ms + 2 * DAY_MS)
    found = SiteEvents()
    count = int(EVENTS_A_DAY * growth * weight_of(day, random))
    site = Site.of(website.pk, website.host, EVENTS_A_DAY)
    found.add(site, hours, random, count, counts_contexts=False)
    return rows_of(found)


def _until(now: datetime, rows: Rows) -> Rows:
    """Return the rows that have come by now; a context comes with the first event of its visit."""
    last = uuid7.floor(now)
    return {
        table: {id: row for id, row in by_id.items() if id < last} for table, by_id in rows.items()
    }


def _create_partitions(days: list[date], last: date) -> None:
    for month in Month.of(start_of(days[0])).until(Month.of(start_of(last))):
        for model in (TABLE.model, CONTEXTS.model, WebsiteSession):
            partitions.create(model, month)
