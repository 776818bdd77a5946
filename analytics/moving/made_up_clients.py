"""Sources, places and devices of made-up sessions, each for as many as are counted"""

from collections.abc import Iterator
from random import Random
from urllib.parse import urlencode

from analytics.moving.client_contexts import Context
from analytics.moving.plausible_day import Day, count_of
from analytics.moving.records import Target
from analytics.moving.scratch import Values
from config.api.web_urls import is_url

DEVICES = {"mobile": "mobile", "tablet": "tablet", "laptop": "desktop", "desktop": "desktop"}
DIRECT = "Direct / None"
UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term")


def contexts_of(day: Day, target: Target, sessions: int) -> Iterator[Context]:
    """Yield what each session was seen on, and where; these go together by chance."""
    drawn = [
        _drawn(day, target, table, sessions)
        for table in ("locations", "devices", "browsers", "operating_systems")
    ]
    for location, device, browser, system in zip(*drawn, strict=True):
        yield Context.made(
            country=location.get("country"),
            region=location.get("region"),
            device=DEVICES.get(device.get("device", "").lower(), "desktop" if device else None),
            browser=browser.get("browser"),
            browser_version=browser.get("browser_version"),
            os=system.get("operating_system"),
            os_version=system.get("operating_system_version"),
        )


def sources_of(day: Day, target: Target, sessions: int) -> Iterator[tuple[str, str | None]]:
    """Yield the query and the referrer of the first page of each session."""
    for row in _drawn(day, target, "sources", sessions):
        query = {name: row[name] for name in UTM if row.get(name)}
        referrer = row.get("referrer", "")
        url = referrer if "://" in referrer else f"https://{referrer}"
        source = row.get("source", "")
        if not (referrer and is_url(url)) and source not in ("", DIRECT):
            query.setdefault("utm_source", source)
        yield urlencode(query), url if referrer and is_url(url) else None


def _drawn(day: Day, target: Target, table: str, sessions: int) -> list[Values]:
    """Return a row of a table for each session, each as often as it has visits, at random."""
    rows: list[Values] = []
    for row in day.tables[table]:
        count = count_of(row, "visits") or count_of(row, "visitors")
        rows += [row] * min(count, sessions - len(rows))
    rows += [{}] * (sessions - len(rows))
    random_of(day, target, table).shuffle(rows)
    return rows


def random_of(day: Day, target: Target, what: str) -> Random:
    return Random(f"{target.website.pk} {day.date} {what}")
