"""Import: what is read of files becomes rows, by the rules and the write path of the API

Rows have ids that their source gives them, so that a run that was stopped can be repeated: what is
there stays as it is. Each batch is a transaction together with the marks of its events, by which
statistics follow. Months get their partitions before their events come.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from analytics.events.ingest import CONTEXTS, TABLE, Item
from analytics.events.ingest import rows_of as rows_of_items
from analytics.events.models import ClientContextRow, Event, EventRow
from analytics.events.serializers import STORED
from analytics.ingest.commit import store_group
from analytics.moving.records import Broken, Found, Left, Record
from analytics.reports.derived.rollup_models import EventFloor
from analytics.reports.models import WebsiteSession
from analytics.streams import partitions
from analytics.streams.partitions import Month
from analytics.streams.retention_limits import days_kept
from config.api.errors import Invalid
from config.api.outcomes import Outcome
from config.api.problems import Problem
from config.api.request_body import parse_with_text
from config.db import uuid7
from config.models import RuntimeSettings
from config.server import disk_guard
from websites.lookup import FILTER_COLUMNS, Site
from websites.models import Website
from websites.traffic_filter import TrafficFilter

BATCH = 5_000  # lines
MAX_SHOWN = 20  # broken lines
TOO_LATE = "later than --until"
BY_SETTINGS = "of hosts that the settings of the website leave out"
MODELS = (TABLE.model, CONTEXTS.model, WebsiteSession)
Rows = list[tuple[EventRow, ClientContextRow | None]]


class NoRoom(Exception):
    """The disk of the embedded PostgreSQL is full."""


@dataclass
class Report:
    """What became of the lines of an import, or would become of them.

    known: events that are there already. taken: their ids belong to another website.
    """

    new: int = 0
    known: int = 0
    taken: int = 0
    broken: int = 0
    first_broken: list[Broken] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)
    first_at: datetime | None = None
    last_at: datetime | None = None
    too_old: int = 0  # for retention, which deletes them
    uncounted: int = 0  # of statistics, which begin later

    def add_broken(self, broken: Broken) -> None:
        self.broken += 1
        if len(self.first_broken) < MAX_SHOWN:
            self.first_broken.append(broken)


class Import:
    """The import of one website; `stores` is false for a dry run, which writes nothing.

    end: events with later ids are left out.
    """

    def __init__(self, website: Website, *, stores: bool, end: UUID = uuid7.HIGHEST) -> None:
        self.report = Report()
        self.stores, self._end = stores, end
        columns = [getattr(website, name) for name in FILTER_COLUMNS]
        self._site = Site(website.pk, website.user_id, TrafficFilter.of(*columns))
        self._months: set[Month] = set()
        self._floor = EventFloor.current()
        days = days_kept(Event, RuntimeSettings.load())
        oldest = uuid7.now() - timedelta(days=days) if days else uuid7.from_ms(0)
        self._oldest = uuid7.floor(oldest)

    def run(self, found: Iterable[Found]) -> Iterator[int]:
        """Import what was read; yield how many lines each batch had. Raises NoRoom, TableInUse."""
        rest = iter(found)
        while batch := list(islice(rest, BATCH)):
            rows = self._rows(batch)
            if rows and self.stores:
                self._write(rows)
            elif rows:
                self._look_up(rows)
            yield len(batch)

    def _rows(self, batch: Sequence[Found]) -> Rows:
        """Return the rows of a batch; what is left out or broken is counted."""
        rows: Rows = []
        for each in batch:
            if isinstance(each, Left):
                self.report.left[each.reason] += each.lines
            elif isinstance(each, Broken):
                self.report.add_broken(each)
            else:
                self._add(rows, each)
        return rows

    def _add(self, rows: Rows, record: Record) -> None:
        try:
            item: Item = STORED.read(parse_with_text(record.event))
            if self._site.excludes_url(item["url"]):
                self.report.left[BY_SETTINGS] += 1
                return
            [row] = rows_of_items([(item, self._site)])
            if row.id >= self._end:
                self.report.left[TOO_LATE] += 1
                return
            rows.append((row, record.context.row_beside(row) if record.context else None))
        except Invalid as error:
            reasons = [_describe(problem) for problem in error.problems]
            self.report.add_broken(Broken(record.place, "; ".join(reasons)))
        except ValueError as error:
            self.report.add_broken(Broken(record.place, str(error)))

    def _write(self, rows: Rows) -> None:
        if disk_guard.look():
            raise NoRoom
        self._create_partitions(rows)
        events = [event for event, _ in rows]
        contexts = [context for _, context in rows if context]
        [outcomes] = store_group(TABLE, [[*events, *contexts]])
        stored = list(zip(events, outcomes, strict=False))
        self._count([row for row, outcome in stored if outcome is Outcome.STORED])
        self._count_known([row for row, outcome in stored if outcome is Outcome.DUPLICATE])
        for row, outcome in stored:
            if outcome is Outcome.WRITE_FAILED:
                self.report.add_broken(Broken(str(row.id), "The database refuses it"))

    def _look_up(self, rows: Rows) -> None:
        events = {row.id: row for row, _ in rows}
        known = self._count_known(list(events.values()))
        self._count([row for row in events.values() if row.id not in known])
        self.report.known += len(rows) - len(events)

    def _count(self, rows: Sequence[EventRow]) -> None:
        """Count new events."""
        report = self.report
        report.new += len(rows)
        report.too_old += sum(row.id < self._oldest for row in rows)
        report.uncounted += sum(row.id < self._floor for row in rows)
        times = [row.created_at for row in rows]
        report.first_at = min(filter(None, [report.first_at, *times]), default=None)
        report.last_at = max(filter(None, [report.last_at, *times]), default=None)

    def _count_known(self, rows: Sequence[EventRow]) -> dict[UUID, UUID]:
        """Count events whose ids are there already; return these with their websites."""
        if not rows:
            return {}
        stored = Event.objects.all().with_ids([row.id for row in rows])
        known = dict(stored.values_list("id", "website_id"))
        own = sum(known.get(row.id) == self._site.id for row in rows)
        self.report.known += own
        self.report.taken += sum(row.id in known for row in rows) - own
        return known

    def _create_partitions(self, rows: Rows) -> None:
        months = {Month.of(row.created_at) for row, _ in rows} - self._months
        for model in MODELS if months else ():
            for _ in partitions.create_all(model, sorted(months)):
                pass
        self._months |= months


def _describe(problem: Problem) -> str:
    name = ".".join(map(str, problem.location))
    return f"{name}: {problem.describe()}" if name else problem.describe()
