"""A running service whose analytics database refuses everybody, or whose rollup does not end"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from config.db import uuid7
from tests.support.live_client import send_request
from tests.support.processes import wait_until
from tests.support.tracked_site import World

_END_OTHERS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s AND pid <> %s
"""
_MARK = """
INSERT INTO analytics_dirtyrange (id, website_id, low, high, page_views, clicks, custom_events)
VALUES (%(id)s, %(website)s, %(id)s, %(id)s, 0, 0, 0)
"""
_HOLD = "SELECT FROM analytics_dirtyrange WHERE website_id = %s FOR UPDATE"


@contextmanager
def analytics_refused(world: World) -> Iterator[None]:
    """Let the analytics database end its connections and refuse new ones for a block."""
    here = world.analytics.info
    try:
        world.main.execute(f"ALTER DATABASE {here.dbname} ALLOW_CONNECTIONS false")
        world.main.execute(_END_OTHERS, [here.dbname, here.backend_pid])
        yield
    finally:
        world.main.execute(f"ALTER DATABASE {here.dbname} ALLOW_CONNECTIONS true")
        wait_until(lambda: send_request(world.port, "GET", "/health/ready").status == 200)


@contextmanager
def rollup_held(world: World, dashboard: str) -> Iterator[None]:
    """Let the rollup of a website wait for a block, with a mark of an hour ago before it."""
    website = dashboard.split("/")[2]
    mark = uuid7.floor(uuid7.now() - timedelta(hours=1))
    world.analytics.execute(_MARK, {"id": mark, "website": website})
    with world.analytics.transaction():
        world.analytics.execute(_HOLD, [website])
        yield
