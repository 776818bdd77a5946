"""Traffic of platform: users of a product at work, with an error now and then."""

from analytics.platform.ingest import TABLE
from analytics.platform.models import Category, PlatformEventRow, Priority
from analytics.synthetic.hours import Rows
from config.db import uuid7
from tests.traffic.dataset import random_referrers, random_session_id
from tests.traffic.day import StreamDay

# Name, category, priority, share in percent.
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


def platform_events(day: StreamDay) -> Rows:
    """Return the platform events of a day."""
    random, dataset = day.random, day.dataset
    kinds = random.choices(KINDS, WEIGHTS, k=day.rows)
    pages = dataset.random_pages(random, day.rows)
    referrers = random_referrers(random, day.rows)
    rows = {}
    for ms, kind, page, referrer in zip(
        sorted(day.random_times(day.rows)), kinds, pages, referrers, strict=True
    ):
        name, category, priority, _ = kind
        id = day.new_id(ms)
        rows[id] = PlatformEventRow(
            id=id,
            created_at=uuid7.from_ms(ms),
            user_id=random.choice(dataset.users),
            event_name=name,
            category=category,
            priority=priority,
            properties=dataset.pages[page].properties,
            session_id=random_session_id(random, ms),
            page_url=f"https://platform.example{dataset.pages[page].path}",
            referrer=referrer,
            user_agent=AGENT,
            client_id=None,
        )
    return {TABLE: rows}
