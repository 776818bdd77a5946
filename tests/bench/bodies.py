"""Bodies of the benchmark's requests, as clients send them"""

import json
import random
import secrets
import time
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import uuid4

_json = partial(json.dumps, separators=(",", ":"))  # as browsers write it
BATCH = 100
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SESSION = _json(
    {
        "visitorId": "vis-abc",
        "consentAnalytics": "granted",
        "referrer": "https://www.instagram.com/p/x",
        "landingPage": "https://example.com/johndoe",
        "timezone": "Europe/Istanbul",
        "language": "tr",
        "utmSource": "instagram",
        "screenWidth": 390,
        "screenHeight": 844,
    }
).encode()


class Events:
    """Makes events of a website as tracker.js sends them: many visitors, sessions and pages."""

    def __init__(self, tracking_code: str) -> None:
        self.tracking_code = tracking_code
        now = int(time.time() * 1000)
        self.visitors = [f"vis-{now + n}-{secrets.token_hex(5)[:9]}" for n in range(2000)]
        self.sessions = [f"sess-{now + n}-{secrets.token_hex(5)[:9]}" for n in range(5000)]

    def singles(self, count: int) -> list[bytes]:
        """Return bodies of single posts."""
        return [_json(self.event()).encode() for _ in range(count)]

    def batches(self, count: int) -> list[bytes]:
        """Return bodies of batches of 100."""
        batches = ({"events": [self.event() for _ in range(BATCH)]} for _ in range(count))
        return [_json(batch).encode() for batch in batches]

    def event(self) -> dict[str, Any]:
        """Return one event of eleven fields."""
        return {
            "trackingCode": self.tracking_code,
            "eventType": random.choice(["pageview", "pageview", "pageview", "click", "custom"]),
            "url": f"https://example.com/blog/article-{random.randrange(500)}",
            "referrer": random.choice(["https://google.com/", "https://news.example/a", None]),
            "sessionId": random.choice(self.sessions),
            "visitorId": random.choice(self.visitors),
            "deviceType": random.choice(["mobile", "desktop", "tablet"]),
            "browser": random.choice(["Chrome", "Firefox", "Safari"]),
            "os": random.choice(["Windows", "Android", "iOS"]),
            "location": random.choice(["US", "DE", "TR"]),
            "properties": {"articleId": f"art-{random.randrange(500)}", "readingTime": 5},
        }


def funnel_events(count: int) -> list[bytes]:
    """Return bodies of funnel events with two properties."""
    bodies = (
        {
            "event": random.choice(["bio_link_click", "signup_started", "signup_done"]),
            "sessionId": str(uuid4()),
            "deviceType": "mobile",
            "properties": {"linkId": f"abc-{n}", "position": n % 10},
        }
        for n in range(count)
    )
    return [_json(body).encode() for body in bodies]


def page_views(sessions: Sequence[str]) -> list[bytes]:
    """Return bodies of page views, one for each session."""
    view = {"path": "/johndoe", "title": "John Doe", "referrer": "https://example.com/"}
    return [_json({"sessionId": id, **view}).encode() for id in sessions]


def platform_events(count: int) -> list[bytes]:
    """Return bodies of platform events with two properties."""
    bodies = (
        {
            "event_name": random.choice(["order_placed", "page_open", "login", "export_done"]),
            "category": random.choice(["user_action", "page_view", "trading", "auth"]),
            "properties": {"pair": "BTC-USD", "amount": n},
            "session_id": str(uuid4()),
            "page_url": f"https://app.example.com/trade/{n % 100}",
        }
        for n in range(count)
    )
    return [_json(body).encode() for body in bodies]


def interactions(count: int) -> list[bytes]:
    """Return bodies of collected events with three values."""
    bodies = (
        {
            "event_type": random.choice(["page_view", "page_view", "button_click", "form_submit"]),
            "event_data": {"page": f"/dashboard/item-{n}", "referrer": "/login", "position": n},
        }
        for n in range(count)
    )
    return [_json(body).encode() for body in bodies]
