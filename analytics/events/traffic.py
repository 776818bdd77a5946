"""What comes from websites at present, told by one query however many events they have."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connections

from analytics.events.models import Event
from config.db import uuid7
from config.db.routers import home

MOST = 10_000  # events of a day that are counted

# Both walk the index over (website_id, id), and read no rows. The first says `=` in other words:
# of an equality the planner knows that the order of ids alone would do, and may walk all events of
# a month backwards in search of a website that has none there.
_TRAFFIC = """
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
    """The time of the newest event of a website, and how many came since a time, up to a limit."""

    last_at: datetime | None
    events: int

    @property
    def told(self) -> str:
        """The number of events, `10,000+` for more than were counted."""
        return f"{MOST:,}+" if self.events > MOST else f"{self.events:,}"


def of_websites(websites: Collection[UUID], since: datetime) -> dict[UUID, Traffic]:
    """Return the traffic of websites since a time."""
    with connections[home(Event)].cursor() as cursor:
        cursor.execute(_TRAFFIC, [uuid7.floor(since), MOST + 1, list(websites)])
        return {
            site: Traffic(uuid7.time_of(last) if last else None, events)
            for site, last, events in cursor.fetchall()
        }
