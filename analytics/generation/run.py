"""Generating: what traffic refers to, its months, and day after day its rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, pairwise
from random import Random
from uuid import UUID

from django.db import IntegrityError, connections, transaction
from django.utils.module_loading import autodiscover_modules

from analytics.generation import world
from analytics.generation.days import GENERATORS, Day, seeded_id
from analytics.generation.world import World
from analytics.ingest.bulk_copy import (
    Rows,
    copy_rows,
    insert_ignoring_duplicates,
)
from analytics.streams import partitions
from analytics.streams.base import streams
from analytics.streams.partitions import Month
from config.db import (
    deadline,
    uuid7,
)
from config.db.routers import (
    MAIN,
    home,
)
from websites.models import User, Website

GROWTH = 0.6  # of the traffic, from the first day to the last
WEEK = (1.05, 1.1, 1.1, 1.05, 1.0, 0.75, 0.8)  # from Monday on
CHANCE = 0.15  # by which days differ


@dataclass(frozen=True, slots=True)
class Period:
    """The days [first, until) and the rows that they share."""

    first: date
    until: date
    rows: int
    seed: int

    @property
    def days(self) -> list[date]:
        """All of its days."""
        return [self.first + timedelta(days=n) for n in range((self.until - self.first).days)]

    @property
    def months(self) -> Iterator[Month]:
        """All months of its days."""
        return Month.of(_start(self.first)).until(Month.of(_start(self.until - timedelta(days=1))))


def prepare(period: Period) -> World:
    """Make the partitions, websites and users that are missing; return what traffic is about."""
    for model in streams():
        for month in period.months:
            partitions.create(model, month)
    random = Random(period.seed)
    ms = uuid7.to_ms(_start(period.first))
    owner, *users = (seeded_id(random, ms) for _ in range(world.USERS + 1))
    websites = {seeded_id(random, ms): name for name, _ in world.WEBSITES}
    bio_pages = [seeded_id(random, ms) for _ in range(world.BIO_PAGES)]
    domains = {id: f"{name.lower()}-{period.seed}.example" for id, name in websites.items()}
    with transaction.atomic(using=MAIN):
        _make_users(period.seed, [owner, *users])
        for id, name in websites.items():
            values = {"user_id": owner, "name": name, "domain": domains[id]}
            Website.objects.get_or_create(id=id, defaults=values)
    return world.make(random, domains, users, bio_pages)


def generate(period: Period, about: World) -> Iterator[int]:
    """Store the rows of a period; yield how many after each transaction."""
    autodiscover_modules("generation")
    of_streams = _shared(period.rows, [each.weight for each in GENERATORS])
    of_days = [_shared(rows, _weights(period)) for rows in of_streams]
    for n, day in enumerate(period.days):
        for each, of_day in zip(GENERATORS, of_days, strict=True):
            if of_day[n]:
                random = Random(f"{period.seed} {each.name} {day}")
                start_ms = uuid7.to_ms(_start(day))
                _store(each.make(Day(day, start_ms, of_day[n], random, about)))
                yield of_day[n]


def tidy() -> None:
    """Do at once what PostgreSQL's autovacuum would do in the next hour: know the new rows."""
    for model in streams():
        with connections[home(model)].cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            try:
                cursor.execute(f"VACUUM (ANALYZE) {model._meta.db_table}")
            finally:
                cursor.execute("RESET statement_timeout")


def _make_users(seed: int, keys: list[UUID]) -> None:
    users = [User(id=id, email=f"user{n}-{seed}@generated.example") for n, id in enumerate(keys)]
    for user in users:
        user.set_unusable_password()
    User.objects.bulk_create(users, ignore_conflicts=True)


def _shared(rows: int, weights: list[float]) -> list[int]:
    """Return whole numbers in the ratio of weights, whose sum is the number of rows."""
    ends = [round(rows * part / sum(weights)) for part in accumulate(weights, initial=0.0)]
    return [end - start for start, end in pairwise(ends)]


def _weights(period: Period) -> list[float]:
    """Return how busy each day is: the week goes up and down, and the year goes up."""
    growth = GROWTH / len(period.days)
    chance = Random(period.seed).uniform
    return [
        (1 + growth * n) * WEEK[day.weekday()] * chance(1 - CHANCE, 1 + CHANCE)
        for n, day in enumerate(period.days)
    ]


def _store(rows: Rows) -> None:
    """Store rows, of which some or all may be there from a run before."""
    try:
        _write(rows, is_new=True)
    except IntegrityError:
        _write(rows, is_new=False)


def _write(rows: Rows, *, is_new: bool) -> None:
    [alias] = {table.alias for table in rows}
    with deadline.long_transaction(alias):
        with connections[alias].cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit = off")  # it can be generated again
        (copy_rows if is_new else insert_ignoring_duplicates)(rows)


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
