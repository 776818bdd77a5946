"""Platform events: users of a product at work, now and then with an error."""

from analytics.generation.days import Day, generator
from analytics.generation.world import session_name, some_referrers
from analytics.ingest.bulk_copy import Rows
from analytics.platform.ingest import TABLE
from analytics.platform.models import (
    Category,
    PlatformEventRow,
    Priority,
)
from config.db import uuid7

# Name, category, priority, how many of a hundred events there are.
KINDS = (
    ("page_viewed", Category.PAGE_VIEW.value, Priority.LOW.value, 50),
    ("button_clicked", Category.USER_ACTION.value, Priority.LOW.value, 22),
    ("order_placed", Category.TRADING.value, Priority.HIGH.value, 9),
    ("logged_in", Category.AUTH.value, Priority.MEDIUM.value, 6),
    ("api_latency", Category.PERFORMANCE.value, Priority.LOW.value, 6),
    ("chart_opened", Category.FEATURE.value, Priority.MEDIUM.value, 4),
    ("request_failed", Category.ERROR.value, Priority.CRITICAL.value, 2),
    ("cache_cleared", Category.SYSTEM.value, Priority.LOW.value, 1),
)
WEIGHTS = [weight for *_, weight in KINDS]
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"


@generator(weight=10)
def platform_events(day: Day) -> Rows:
    """Make the platform events of a day; their table counts them."""
    random, world = day.random, day.world
    kinds = random.choices(KINDS, WEIGHTS, k=day.rows)
    pages = world.some_pages(random, day.rows)
    referrers = some_referrers(random, day.rows)
    rows = {}
    for ms, kind, page, came_from in zip(
        sorted(day.times(day.rows)), kinds, pages, referrers, strict=True
    ):
        name, category, priority, _ = kind
        id = day.new_id(ms)
        rows[id] = PlatformEventRow(
            id=id,
            created_at=uuid7.from_ms(ms),
            user_id=random.choice(world.users),
            event_name=name,
            category=category,
            priority=priority,
            properties=world.pages[page].properties,
            session_id=session_name(random, ms),
            page_url=f"https://platform.example{world.pages[page].path}",
            referrer=came_from,
            user_agent=AGENT,
            client_id=None,
        )
    return {TABLE: rows}
