"""A run over given websites: so many events of each, all websites of a day together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from django.db import transaction

from analytics.synthetic.audience import Site
from analytics.synthetic.events import SiteEvents, rows_of
from analytics.synthetic.hours import Hours, seeded_id, start_ms_of
from analytics.synthetic.storage import store
from config.db.routers import MAIN
from tests.traffic import storage
from tests.traffic.period import Period
from websites.models import User, Website


@dataclass(frozen=True, slots=True)
class SiteTraffic:
    """A website, and the number of its events of each day."""

    site: Site
    events: Sequence[int]


def prepare(period: Period, events: Sequence[int], owner: str) -> list[SiteTraffic]:
    """Create the partitions and a website for each number of events, unless they exist."""
    storage.create_partitions(period)
    random = Random(f"{period.seed} sites")
    found = []
    for number, count in enumerate(events, 1):
        id = seeded_id(random, period.start_ms)
        host = f"site{number}-{period.seed}.example"
        site = Site.of(id, host, count / len(period.days))
        found.append(SiteTraffic(site, period.rows_by_day(count)))
    with transaction.atomic(using=MAIN):
        user = _owner(owner)
        for number, each in enumerate(found, 1):
            values = {"user": user, "name": f"Site {number}", "domain": each.site.host}
            Website.objects.get_or_create(id=each.site.id, defaults=values)
    return found


def generate(period: Period, traffic: Sequence[SiteTraffic]) -> Iterator[int]:
    """Store the events of a period; yield the number of events after each transaction."""
    for n, day in enumerate(period.days):
        hours = Hours(start_ms_of(day), period.end_ms)
        found = SiteEvents()
        for each in traffic:
            random = Random(f"{period.seed} {each.site.host} {day}")
            found.add(each.site, hours, random, each.events[n], counts_contexts=False)
        store(rows_of(found))
        yield len(found.events)


def _owner(email: str) -> User:
    """Return the user with an email, if need be a new one who cannot log in."""
    storage.create_users([User(email=email.lower())])
    return User.objects.get_by_natural_key(email)
