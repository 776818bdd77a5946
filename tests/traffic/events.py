"""Traffic of events: visits of five websites."""

from analytics.synthetic.events import SiteEvents, rows_of
from analytics.synthetic.hours import Rows
from tests.traffic import dataset
from tests.traffic.day import StreamDay
from tests.traffic.period import split


def website_events(day: StreamDay) -> Rows:
    """Return the website events of a day, and the contexts of their visits."""
    found = SiteEvents()
    counts = split(day.rows, [share for _, share in dataset.WEBSITES])
    for site, count in zip(day.dataset.sites, counts, strict=True):
        found.add(site, day.hours, day.random, count, counts_contexts=True)
    return rows_of(found)
