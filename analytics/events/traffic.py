"""Recent traffic of websites, by one query however many events they have."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connections

from analytics.events.models import Event
from config.db import cluster, uuid7
from config.db.routers import home

MAX_COUNTED = 10_000

# Both subqueries walk the index on (website_id, id) and read no rows. The first writes `=` as a
# range: with an equality the planner drops website_id from the ORDER BY, and may then walk all
# events of a month backwards in search of a website that has none in it.
TRAFFIC_QUERY = """
    SELECT site.id,
           (SELECT id FROM analytics_event WHERE website_id >= site.id AND website_id <= site.id
             ORDER BY website_id DESC, id DESC LIMIT 1),
           (SELECT count(*) FROM (
               SELECT FROM analytics_event WHERE website_id = site.id AND id >= %s LIMIT %s
           ) today)
      FROM unnest(%s::uuid[]) AS site (id)
"""


@dataclass(frozen=True, slots=True)
class Traffic:
    """The time of a website's last event, and its number of events, up to one above a limit."""

    last_at: datetime | None
    events: int

    @property
    def count_text(self) -> str:
        return f"{MAX_COUNTED:,}+" if self.events > MAX_COUNTED else f"{self.events:,}"


def of_websites(websites: Collection[UUID], since: datetime) -> dict[UUID, Traffic]:
    """Return the traffic of websites since a time."""
    if cluster.is_cluster(home(Event)):  # each node has some of the events of every website
        return {id: _of_website(id, since) for id in websites}
    with connections[home(Event)].cursor() as cursor:
        cursor.execute(TRAFFIC_QUERY, [uuid7.floor(since), MAX_COUNTED + 1, list(websites)])
        return {
            site: Traffic(uuid7.time_of(last) if last else None, events)
            for site, last, events in cursor.fetchall()
        }


def _of_website(website_id: UUID, since: datetime) -> Traffic:
    events = Event.objects.of_website(website_id)
    last = events.newest_first().values_list("id", flat=True).first()
    counted = events.between(since)[: MAX_COUNTED + 1].count()
    return Traffic(uuid7.time_of(last) if last else None, counted)
