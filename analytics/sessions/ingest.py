"""Ingest of sessions and page views: from validated values to committed rows and changes.

Functions that store return after the commit, or once it is spooled. They raise StorageUnavailable
when neither is confirmed in time, RowRefused when the database refuses what it was given, and
Dropped when the session or page view that is named does not exist.
"""

from typing import Any
from uuid import UUID

from analytics.ingest import writer
from analytics.ingest.bulk_copy import Table
from analytics.ingest.spool import spooling
from analytics.ingest.targets import register
from analytics.sessions import visitors
from analytics.sessions.changes import CHANGES, Leave, Touch
from analytics.sessions.models import PageViewRow, Session, SessionRow
from analytics.sessions.referrers import referrer_domain
from analytics.sessions.user_agents import agent_of
from config.api.outcomes import Dropped, Outcome
from config.db import uuid7

SESSIONS = register(Table.of(Session, has_followers=True))


def start(row: SessionRow) -> Outcome:
    """Store a session: STORED, or DUPLICATE for one whose key is known.

    Whoever sends that key is the same caller, nobody, even if the visitor has been identified.
    """
    outcome = writer.write_one(SESSIONS, row)
    spooling.remember([row.id])
    return outcome


def view(row: PageViewRow, *, has_key: bool = False) -> Outcome:
    """Store a page view, count it in its session, and fill in the duration of the one before.

    STORED, or DUPLICATE for one whose key is known, in whichever session: it changes nothing.
    """
    return _change(Touch(row.session_id, row.created_at, page_view=row, has_key=has_key))


def leave(page_view_id: UUID, *, duration: float, scroll_depth: float | None) -> Outcome:
    """Set for how many seconds a page was looked at, and if given how far, in per cent."""
    return _change(Leave(page_view_id, duration, scroll_depth))


def heartbeat(session_id: UUID) -> Outcome:
    """Add the seconds since the last heartbeat, at most 30, to a session that is active now."""
    now = uuid7.now()
    return _change(Touch(session_id, now, heartbeat_at=now))


def identify(session_id: UUID, user_id: UUID) -> Outcome:
    return _change(Touch(session_id, user_id=user_id))


def session_row(
    sent: dict[str, Any], user_agent: str, address: str, *, key: UUID | None
) -> SessionRow:
    """Return the row of a session that begins now, or at the time of its key.

    Of the client's address only a place stays.
    """
    id = key or uuid7.new_id_now()
    agent = agent_of(user_agent)
    place = visitors.place_of(address)
    return SessionRow(
        id=id,
        created_at=uuid7.time_of(id),
        visitor_hash=visitors.hash_visitor_id(sent["visitorId"]),
        user_id=None,
        bio_page_id=sent["bioPageId"],
        referrer=sent["referrer"],
        referrer_domain=referrer_domain(sent["referrer"]),
        landing_page=sent["landingPage"],
        device=agent.device or sent["device"],
        browser=agent.browser or sent["browser"],
        os=agent.os or sent["os"],
        os_version=agent.os_version or sent["osVersion"],
        timezone=sent["timezone"],
        language=sent["language"],
        country=place.country,
        city=place.city,
        utm_source=sent["utmSource"],
        utm_medium=sent["utmMedium"],
        utm_campaign=sent["utmCampaign"],
        utm_term=sent["utmTerm"],
        utm_content=sent["utmContent"],
        screen_width=sent["screenWidth"],
        screen_height=sent["screenHeight"],
        page_views=0,
        bounced=True,
        duration_seconds=0,
        last_active_at=uuid7.time_of(id),
        last_heartbeat_at=None,
    )


def page_view_row(sent: dict[str, Any], session_id: UUID, *, key: UUID | None) -> PageViewRow:
    """Return the row of a page that is entered now, or at the time of its key."""
    id = key or uuid7.new_id_now()
    return PageViewRow(
        id=id,
        created_at=uuid7.time_of(id),
        session_id=session_id,
        path=sent["path"],
        title=sent["title"],
        referrer=sent["referrer"],
        bio_page_id=sent["bioPageId"],
        link_clicked=sent["linkClicked"],
        duration_seconds=None,
        scroll_depth=None,
    )


def _change(change: Touch | Leave) -> Outcome:
    outcome = writer.write_one(CHANGES, change)
    if outcome is Outcome.UNKNOWN_SESSION and spooling.holds(change.subject_id):
        [outcome] = spooling.append(CHANGES, [change])  # behind what it changes
    if outcome is Outcome.UNKNOWN_SESSION:
        raise Dropped(outcome)
    if change.new_id:
        spooling.remember([change.new_id])
    return outcome
