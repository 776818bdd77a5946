"""Events of random sessions, and the facts of these, for brute force"""

import json
from collections import defaultdict
from datetime import UTC, datetime

from analytics.events.ingest import TABLE
from analytics.events.models import ClientContextRow, EventRow
from analytics.ingest.commit import store_group
from analytics.reports.derived import rollup, site_rules
from analytics.reports.facts.session_facts import SessionFacts, facts_of
from config.db import uuid7
from tests.support.events import new_row
from websites.models import Website

START = datetime(2025, 10, 3, 20, tzinfo=UTC)
BOT = "bot"  # the session of one


def event_row(website, ms, session, visitor, kind, page="/", country=None, **properties):
    """Return an event some milliseconds after START."""
    id = uuid7.new_id(uuid7.to_ms(START) + ms)
    return new_row(
        id=id,
        created_at=uuid7.time_of(id),
        website_id=website.pk,
        event_type=kind,
        url=f"https://example.com{page}",
        session_id=session,
        visitor_id=visitor,
        location=country,
        properties=json.dumps(properties) if properties else None,
    )


def store(website: Website, rows: list[EventRow]) -> None:
    """Store events, and that the session BOT is a bot's; bring the sessions up to date."""
    nothing = dict.fromkeys(ClientContextRow._fields[4:-1])
    contexts = [
        ClientContextRow(
            uuid7.new_id(uuid7.ms_of(row.id)),
            row.created_at,
            website.pk,
            row.session_id,
            **nothing,
            is_bot=True,
        )
        for row in rows
        if row.session_id == BOT
    ]
    if rows:
        store_group(TABLE, [[*rows, *contexts]])
    assert rollup.refresh(website, 60)


def sessions_of(website: Website, rows: list[EventRow]) -> list[SessionFacts]:
    """Return the facts of the sessions that are not a bot's."""
    by_session = defaultdict(list)
    for row in rows:
        by_session[row.session_id].append(row)
    rules = site_rules.rules_of(website)
    found = [facts_of(each, [], rules) for name, each in by_session.items() if name != BOT]
    return [session for session in found if session]
