"""Made-up events of websites, and the client context of each visit"""

from collections.abc import Sequence
from random import Random

from analytics.events.ingest import CONTEXTS, TABLE
from analytics.events.models import ClientContextRow, EventRow
from analytics.synthetic.audience import EVENTS_PER_VISIT, Site, Visitor
from analytics.synthetic.hours import DAY_MS, Hours, Rows, seeded_id
from analytics.synthetic.visits import visit


class SiteEvents:
    """Events of websites, and the contexts of their visits, as they come together for a day."""

    def __init__(self) -> None:
        self.events: list[EventRow] = []
        self.contexts: list[ClientContextRow] = []

    def add(
        self, site: Site, hours: Hours, random: Random, count: int, *, counts_contexts: bool
    ) -> None:
        """Add exactly so many events of a website, or rows if contexts count as well."""
        day = hours.start_ms // DAY_MS
        while count > 0:
            for ms in hours.random_times(random, count // EVENTS_PER_VISIT + 1):
                found = visit(site, hours, day, random, ms)
                has_context = count > 1 or not counts_contexts
                rows = found.rows[: count - (has_context and counts_contexts)]
                self.events += rows
                if has_context:
                    self.contexts.append(_context(random, rows, found.visitor))
                count -= len(rows) + (has_context and counts_contexts)
                if not count:
                    break


def rows_of(found: SiteEvents) -> Rows:
    """Return rows by table, in the order in which they would have come."""
    return {
        TABLE: {row.id: row for row in sorted(found.events, key=lambda row: row.id.int)},
        CONTEXTS: {row.id: row for row in sorted(found.contexts, key=lambda row: row.id.int)},
    }


def _context(random: Random, rows: Sequence[EventRow], visitor: Visitor) -> ClientContextRow:
    """Return the context of a visit, as its first event brings it."""
    first, place, agent = rows[0], visitor.place, visitor.agent
    return ClientContextRow(
        seeded_id(random, first.id.int >> 80),
        first.created_at,
        first.website_id,
        first.session_id,
        place.code,
        place.region,
        place.city,
        agent.browser,
        agent.browser_version,
        agent.os,
        agent.os_version,
        agent.device,
        place.language,
        "x".join(map(str, visitor.screen)),
        visitor.is_bot,
    )
