"""Traffic of sessions: sessions and page views, with counts and durations as if they were live."""

from dataclasses import dataclass
from uuid import UUID

from analytics.sessions.changes import HEARTBEAT_SECONDS, PAGE_VIEWS
from analytics.sessions.ingest import SESSIONS
from analytics.sessions.models import PageViewRow, SessionRow
from analytics.sessions.referrers import referrer_domain
from analytics.synthetic.hours import Rows
from config.db import uuid7
from tests.traffic.dataset import Visitor, random_referrers
from tests.traffic.day import StreamDay

CONTINUES = 0.65  # the share of visitors who open another page
MAX_READING_MS = 120_000  # of one page
HAS_LEAVE = 0.7  # the share of page views whose end the browser reported
IS_IDENTIFIED = 0.1
HAS_BIO_PAGE = 0.3
HAS_CAMPAIGN = 0.2


def sessions(day: StreamDay) -> Rows:
    """Return the sessions of a day and their page views; both count as rows."""
    sessions: dict[UUID, SessionRow] = {}
    page_views: dict[UUID, PageViewRow] = {}
    left = day.rows
    while left:
        for ms in sorted(day.random_times(left // 4 + 1)):
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
    """The pages of one visit, the time of each, and the time at which the last one was left."""

    session_id: UUID
    visitor: Visitor
    referrer: str | None
    bio_page_id: UUID | None
    pages: list[int]
    times: list[int]
    end: int


def _visit(day: StreamDay, ms: int, *, at_most: int) -> _Visit:
    random, dataset = day.random, day.dataset
    pages: list[int] = []
    times = [ms]
    while len(pages) < at_most and (not pages or random.random() < CONTINUES):
        pages += dataset.random_pages(random, 1)
        times.append(min(times[-1] + 1 + int(random.random() * MAX_READING_MS), day.last_ms))
    return _Visit(
        session_id=day.new_id(ms),
        visitor=dataset.random_visitors(random, 1)[0],
        referrer=random_referrers(random, 1)[0],
        bio_page_id=random.choice(dataset.bio_pages) if random.random() < HAS_BIO_PAGE else None,
        pages=pages,
        times=times[:-1] or times,
        end=times[-1],
    )


def _session(day: StreamDay, visit: _Visit) -> SessionRow:
    random, dataset, visitor = day.random, day.dataset, visit.visitor
    start, count = visit.times[0], len(visit.pages)
    beats = (visit.end - start) // (HEARTBEAT_SECONDS * 1000)
    last_beat = start + beats * HEARTBEAT_SECONDS * 1000
    last = max(visit.times[-1], last_beat)
    has_campaign = random.random() < HAS_CAMPAIGN
    return SessionRow(
        id=visit.session_id,
        created_at=uuid7.from_ms(start),
        visitor_hash=visitor.hash,
        user_id=random.choice(dataset.users) if random.random() < IS_IDENTIFIED else None,
        bio_page_id=visit.bio_page_id,
        referrer=visit.referrer,
        referrer_domain=referrer_domain(visit.referrer),
        landing_page=dataset.pages[visit.pages[0]].path if visit.pages else None,
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
        last_heartbeat_at=uuid7.from_ms(last_beat) if beats else None,
    )


def _page_views(day: StreamDay, visit: _Visit) -> dict[UUID, PageViewRow]:
    random = day.random
    rows = {}
    for number, page in enumerate(visit.pages):
        ms, is_last = visit.times[number], number == len(visit.pages) - 1
        next_ms = visit.end if is_last else visit.times[number + 1]
        has_leave = random.random() < HAS_LEAVE
        id = day.new_id(ms)
        rows[id] = PageViewRow(
            id=id,
            created_at=uuid7.from_ms(ms),
            session_id=visit.session_id,
            path=day.dataset.pages[page].path,
            title=day.dataset.pages[page].title,
            referrer=visit.referrer if number == 0 else None,
            bio_page_id=visit.bio_page_id,
            link_clicked=None,
            # Without a leave request, the next page view ends this one; nothing ends the last one.
            duration_seconds=(next_ms - ms) / 1000 if has_leave or not is_last else None,
            scroll_depth=float(random.randrange(101)) if has_leave else None,
        )
    return rows
