"""Import: what is read of files becomes rows, by the rules and the write path of the API

Rows have ids that their source gives them, so that a run that was stopped can be repeated: what is
there stays as it is. Each batch is a transaction together with the marks of its events, by which
statistics follow. Months get their partitions before their events come.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from analytics.events.ingest import CONTEXTS, TABLE, Item
from analytics.events.ingest import rows_of as rows_of_items
from analytics.events.models import ClientContextRow, Event, EventRow
from analytics.events.serializers import STORED
from analytics.ingest.commit import store_group
from analytics.moving.client_contexts import Context
from analytics.moving.records import Broken, Found, Left, Record, UnreadableFile
from analytics.moving.scratch import SeenIds
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
BATCH_BYTES = 16 << 20  # of events
MAX_SHOWN = 20  # broken lines
TOO_LATE = "later than --until"
OTHER_TIME = "context: its id is no UUIDv7 of the time of the event"
BY_SETTINGS = "of hosts that the settings of the website leave out"
MODELS = (TABLE.model, CONTEXTS.model, WebsiteSession)


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
        self._batch: list[tuple[Context | None, Item]] = []
        columns = [getattr(website, name) for name in FILTER_COLUMNS]
        self._site = Site(website.pk, website.user_id, TrafficFilter.of(*columns))
        self._months: set[Month] = set()
        self._seen = SeenIds()  # of a dry run, which finds them nowhere else
        self._floor = EventFloor.current()
        days = days_kept(Event, RuntimeSettings.load())
        oldest = uuid7.now() - timedelta(days=days) if days else uuid7.from_ms(0)
        self._oldest = uuid7.floor(oldest)

    def run(self, found: Iterable[Found]) -> Iterator[int]:
        """Import what was read; yield how many lines each batch had.

        Raises NoRoom, TableInUse, and UnreadableFile once what came before it is imported.
        """
        lines = size = 0
        rest = iter(found)
        while True:
            try:
                each = next(rest, None)
            except UnreadableFile:
                self._end_batch()
                raise
            if each is None or lines == BATCH or size > BATCH_BYTES:
                self._end_batch()
                yield lines
                lines = size = 0
            if each is None:
                return
            lines += 1
            size += self._add(each)

    def _add(self, found: Found) -> int:
        """Add an event to the batch, or count what is none; return its size."""
        if isinstance(found, Left):
            self.report.left[found.reason] += found.lines
        elif isinstance(found, Broken):
            self.report.add_broken(found)
        else:
            return self._add_record(found)
        return 0

    def _add_record(self, record: Record) -> int:
        try:
            item: Item = STORED.read(parse_with_text(record.event))
        except Invalid as error:
            reasons = "; ".join(map(_describe, error.problems))
            self.report.add_broken(Broken(record.place, reasons))
            return 0
        if record.context and not record.context.is_of(item["id"]):
            self.report.add_broken(Broken(record.place, OTHER_TIME))
        elif reason := self._reason_to_leave(item):
            self.report.left[reason] += 1
        else:
            self._batch.append((record.context, item))
            return len(record.event)
        return 0

    def _reason_to_leave(self, item: Item) -> str | None:
        if self._site.excludes_url(item["url"]):
            return BY_SETTINGS
        return TOO_LATE if item["id"] >= self._end else None

    def _end_batch(self) -> None:
        """Store the events of a batch, or find out what that would do."""
        events = rows_of_items([(item, self._site) for _, item in self._batch])
        contexts = [
            context.row_beside(event)
            for event, (context, _) in zip(events, self._batch, strict=True)
            if context
        ]
        self._batch = []
        if events and self.stores:
            self._write(events, contexts)
        elif events:
            self._look_up(events)

    def _write(self, events: list[EventRow], contexts: list[ClientContextRow]) -> None:
        if disk_guard.look():
            raise NoRoom
        self._create_partitions(events)
        [outcomes] = store_group(TABLE, [[*events, *contexts]])
        stored = list(zip(events, outcomes, strict=False))
        self._count([row for row, outcome in stored if outcome is Outcome.STORED])
        self._count_known([row for row, outcome in stored if outcome is Outcome.DUPLICATE])
        for row, outcome in stored:
            if outcome is Outcome.WRITE_FAILED:
                self.report.add_broken(Broken(str(row.id), "The database refuses it"))

    def _look_up(self, rows: Sequence[EventRow]) -> None:
        are_new = self._seen.add(row.id for row in rows)
        known = self._count_known(rows)
        others = [pair for pair in zip(rows, are_new, strict=True) if pair[0].id not in known]
        self._count([row for row, is_new in others if is_new])
        self.report.known += sum(not is_new for _, is_new in others)

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

    def _create_partitions(self, rows: Sequence[EventRow]) -> None:
        months = {Month.of(row.created_at) for row in rows} - self._months
        for model in MODELS if months else ():
            for _ in partitions.create_all(model, sorted(months)):
                pass
        self._months |= months


def _describe(problem: Problem) -> str:
    name = ".".join(map(str, problem.location))
    return f"{name}: {problem.describe()}" if name else problem.describe()
