"""A run over all streams: websites and users first, then the rows of each day of each stream."""

from collections.abc import Iterator
from random import Random

from django.db import transaction

from analytics.synthetic.audience import Site
from analytics.synthetic.hours import seeded_id, start_ms_of
from analytics.synthetic.storage import store
from config.db.routers import MAIN
from tests.traffic import activity, collect, dataset, events, funnel, platform, sessions, storage
from tests.traffic.dataset import Dataset
from tests.traffic.day import Generate, StreamDay
from tests.traffic.period import Period, split
from websites.models import User, Website

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


def prepare(period: Period, rows: int) -> Dataset:
    """Create the partitions, websites and users that are missing; return the dataset."""
    storage.create_partitions(period)
    random, ms = Random(period.seed), period.start_ms
    owner, *users = (seeded_id(random, ms) for _ in range(dataset.USERS + 1))
    a_day = rows // len(period.days)
    sites = [
        Site.of(seeded_id(random, ms), f"{name.lower()}-{period.seed}.example", a_day * share / 100)
        for name, share in dataset.WEBSITES
    ]
    bio_pages = [seeded_id(random, ms) for _ in range(dataset.BIO_PAGES)]
    with transaction.atomic(using=MAIN):
        storage.create_users(
            User(id=id, email=f"user{n}-{period.seed}@generated.example")
            for n, id in enumerate([owner, *users])
        )
        for site, (name, _) in zip(sites, dataset.WEBSITES, strict=True):
            values = {"user_id": owner, "name": name, "domain": site.host}
            Website.objects.get_or_create(id=site.id, defaults=values)
    return dataset.build(random, sites, users, bio_pages)


def generate(period: Period, rows: int, data: Dataset) -> Iterator[int]:
    """Store the rows of a period; yield the number of rows after each transaction."""
    weights = [weight for _, weight in GENERATORS]
    per_day = [period.rows_by_day(part) for part in split(rows, weights)]
    for n, day in enumerate(period.days):
        for (stream_rows, _), counts in zip(GENERATORS, per_day, strict=True):
            if counts[n]:
                random = Random(f"{period.seed} {stream_rows.__name__} {day}")
                start_ms = start_ms_of(day)
                of_stream = StreamDay(day, start_ms, period.end_ms, counts[n], random, data)
                store(stream_rows(of_stream))
                yield counts[n]
