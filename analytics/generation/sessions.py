"""Sessions and their page views, with the counts and durations that the writer would have kept."""

from dataclasses import dataclass
from uuid import UUID

from analytics.generation.days import Day, generator
from analytics.generation.world import Visitor, some_referrers
from analytics.ingest.bulk_copy import Rows
from analytics.sessions import visitors
from analytics.sessions.ingest import (
    HEARTBEAT_SECONDS,
    PAGE_VIEWS,
    SESSIONS,
)
from analytics.sessions.models import (
    PageViewRow,
    SessionRow,
)
from config.db import uuid7

STAYS = 0.65  # of those who have seen a page; they see another one
READING_MS = 120_000  # a page, at most
LEAVES = 0.7  # page views of which the browser told the end
IDENTIFIED = 0.1
OF_A_BIO_PAGE = 0.3
FROM_CAMPAIGNS = 0.2


@generator(weight=15)
def sessions(day: Day) -> Rows:
    """Make the sessions of a day and their page views; both count as rows."""
    sessions: dict[UUID, SessionRow] = {}
    page_views: dict[UUID, PageViewRow] = {}
    left = day.rows
    while left:
        for ms in sorted(day.times(left // 4 + 1)):
            if not left:
                break
            visit = _visit(day, ms, at_most=left - 1)
            session = _session(day, visit)
            sessions[session.id] = session
            views = _page_views(day, visit)
            page_views |= views
            left -= 1 + len(views)
    return {SESSIONS: sessions, PAGE_VIEWS: page_views}


@dataclass(frozen=True, slots=True)
class _Visit:
    """When a visitor entered each page, and when the last one was left."""

    session_id: UUID
    visitor: Visitor
    referrer: str | None
    bio_page_id: UUID | None
    pages: list[int]
    times: list[int]
    end: int


def _visit(day: Day, ms: int, *, at_most: int) -> _Visit:
    random, world = day.random, day.world
    pages: list[int] = []
    times = [ms]
    while len(pages) < at_most and (not pages or random.random() < STAYS):
        pages += world.some_pages(random, 1)
        times.append(min(times[-1] + 1 + int(random.random() * READING_MS), day.last_ms))
    return _Visit(
        session_id=day.new_id(ms),
        visitor=world.some_visitors(random, 1)[0],
        referrer=some_referrers(random, 1)[0],
        bio_page_id=random.choice(world.bio_pages) if random.random() < OF_A_BIO_PAGE else None,
        pages=pages,
        times=times[:-1] or times,
        end=times[-1],
    )


def _session(day: Day, visit: _Visit) -> SessionRow:
    random, world, visitor = day.random, day.world, visit.visitor
    start, count = visit.times[0], len(visit.pages)
    beats = (visit.end - start) // (HEARTBEAT_SECONDS * 1000)
    last = max(visit.times[-1], start + beats * HEARTBEAT_SECONDS * 1000)
    has_campaign = random.random() < FROM_CAMPAIGNS
    return SessionRow(
        id=visit.session_id,
        created_at=uuid7.from_ms(start),
        visitor_hash=visitor.hash,
        user_id=random.choice(world.users) if random.random() < IDENTIFIED else None,
        bio_page_id=visit.bio_page_id,
        referrer=visit.referrer,
        referrer_domain=visitors.referrer_domain(visit.referrer),
        landing_page=world.pages[visit.pages[0]].path if visit.pages else None,
        device=visitor.agent.device,
        browser=visitor.agent.browser,
        os=visitor.agent.os,
        os_version=visitor.agent.os_version,
        timezone=visitor.timezone,
        language=visitor.language,
        country=visitor.country,
        city=visitor.city,
        utm_source="newsletter" if has_campaign else None,
        utm_medium="email" if has_campaign else None,
        utm_campaign=f"week-{day.date:%V}" if has_campaign else None,
        utm_term=None,
        utm_content=None,
        screen_width=visitor.screen[0],
        screen_height=visitor.screen[1],
        page_views=count,
        bounced=count < 2,
        duration_seconds=beats * HEARTBEAT_SECONDS,
        last_active_at=uuid7.from_ms(last),
    )


def _page_views(day: Day, visit: _Visit) -> dict[UUID, PageViewRow]:
    random = day.random
    rows = {}
    for number, page in enumerate(visit.pages):
        ms, is_last = visit.times[number], number == len(visit.pages) - 1
        next_ms = visit.end if is_last else visit.times[number + 1]
        is_left = random.random() < LEAVES
        id = day.new_id(ms)
        rows[id] = PageViewRow(
            id=id,
            created_at=uuid7.from_ms(ms),
            session_id=visit.session_id,
            path=day.world.pages[page].path,
            title=day.world.pages[page].title,
            referrer=visit.referrer if number == 0 else None,
            bio_page_id=visit.bio_page_id,
            link_clicked=None,
            # Of a page that was not left the next one tells the time, and of the last one nobody.
            duration_seconds=(next_ms - ms) / 1000 if is_left or not is_last else None,
            scroll_depth=float(random.randrange(101)) if is_left else None,
        )
    return rows
