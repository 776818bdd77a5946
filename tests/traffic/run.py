"""A run: partitions, websites and users first, then the rows of each day, each in a transaction."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, pairwise
from random import Random
from uuid import UUID

from django.db import IntegrityError, connections, transaction

from analytics.ingest.bulk_copy import copy_rows, insert_ignoring_duplicates
from analytics.streams import partitions
from analytics.streams.base import streams
from analytics.streams.partitions import Month
from config.db import deadline, uuid7
from config.db.routers import MAIN, home
from tests.traffic import activity, collect, dataset, events, funnel, platform, sessions
from tests.traffic.dataset import Dataset
from tests.traffic.day import Generate, Rows, StreamDay, seeded_id
from websites.models import User, Website

GROWTH = 0.6  # of the traffic, from the first day to the last
WEEK = (1.05, 1.1, 1.1, 1.05, 1.0, 0.75, 0.8)  # from Monday on
VARIATION = 0.15  # of each day, at random
# Of each stream: its share of the rows. The names of the functions are part of the seeds, and the
# order decides which of them rounding favours.
GENERATORS: tuple[tuple[Generate, float], ...] = (
    (collect.collected_events, 10),
    (events.website_events, 120),
    (funnel.funnel_events, 5),
    (platform.platform_events, 10),
    (sessions.sessions, 20),
    (activity.activity, 20),
)


@dataclass(frozen=True, slots=True)
class Period:
    """The days [first, until) and the number of rows that they share."""

    first: date
    until: date
    rows: int
    seed: int

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.until - self.first).days)]

    @property
    def months(self) -> Iterator[Month]:
        return Month.of(_start(self.first)).until(Month.of(_start(self.until - timedelta(days=1))))


def prepare(period: Period) -> Dataset:
    """Create the partitions, websites and users that are missing; return the dataset."""
    for model in streams():
        for month in period.months:
            partitions.create(model, month)
    random = Random(period.seed)
    ms = uuid7.to_ms(_start(period.first))
    owner, *users = (seeded_id(random, ms) for _ in range(dataset.USERS + 1))
    websites = {seeded_id(random, ms): name for name, _ in dataset.WEBSITES}
    bio_pages = [seeded_id(random, ms) for _ in range(dataset.BIO_PAGES)]
    domains = {id: f"{name.lower()}-{period.seed}.example" for id, name in websites.items()}
    with transaction.atomic(using=MAIN):
        _create_users(period.seed, [owner, *users])
        for id, name in websites.items():
            values = {"user_id": owner, "name": name, "domain": domains[id]}
            Website.objects.get_or_create(id=id, defaults=values)
    return dataset.build(random, domains, users, bio_pages)


def generate(period: Period, data: Dataset) -> Iterator[int]:
    """Store the rows of a period; yield the number of rows after each transaction."""
    weights = [weight for _, weight in GENERATORS]
    per_day = [_split(rows, _day_weights(period)) for rows in _split(period.rows, weights)]
    for n, day in enumerate(period.days):
        for (stream_rows, _), counts in zip(GENERATORS, per_day, strict=True):
            if counts[n]:
                random = Random(f"{period.seed} {stream_rows.__name__} {day}")
                start_ms = uuid7.to_ms(_start(day))
                _store(stream_rows(StreamDay(day, start_ms, counts[n], random, data)))
                yield counts[n]


def vacuum() -> None:
    """Vacuum and analyze all streams, as PostgreSQL's autovacuum would within an hour."""
    for model in streams():
        with connections[home(model)].cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")  # VACUUM runs in no transaction
            try:
                cursor.execute(f"VACUUM (ANALYZE) {model._meta.db_table}")
            finally:
                cursor.execute("RESET statement_timeout")


def _create_users(seed: int, ids: list[UUID]) -> None:
    users = [User(id=id, email=f"user{n}-{seed}@generated.example") for n, id in enumerate(ids)]
    for user in users:
        user.set_unusable_password()
    User.objects.bulk_create(users, ignore_conflicts=True)


def _split(rows: int, weights: list[float]) -> list[int]:
    """Return integers in the ratio of the weights that add up to the number of rows."""
    ends = [round(rows * part / sum(weights)) for part in accumulate(weights, initial=0.0)]
    return [end - start for start, end in pairwise(ends)]


def _day_weights(period: Period) -> list[float]:
    """Return the weight of each day: weeks have a rhythm, and the traffic grows."""
    growth = GROWTH / len(period.days)
    uniform = Random(period.seed).uniform
    return [
        (1 + growth * n) * WEEK[day.weekday()] * uniform(1 - VARIATION, 1 + VARIATION)
        for n, day in enumerate(period.days)
    ]


def _store(rows: Rows) -> None:
    """Store rows, some or all of which an interrupted run may have stored before."""
    try:
        _write(rows, is_new=True)
    except IntegrityError:
        _write(rows, is_new=False)


def _write(rows: Rows, *, is_new: bool) -> None:
    [alias] = {table.alias for table in rows}
    with deadline.long_transaction(alias) as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")  # it can be generated again
        for table, by_id in rows.items():
            (copy_rows if is_new else insert_ignoring_duplicates)(table, list(by_id.values()))


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
