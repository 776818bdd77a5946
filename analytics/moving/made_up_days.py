"""A day of which only counts are known, as events that have these counts

Exact are the visitors, sessions, page views, bounces and seconds of the day, the page views of each
page and, as far as they fit together, the sessions of each page, its entries and exits; and the
sessions of each source, country, device, browser and system. Which of these go together, at which
hour, and which visitor returns, no count tells: that is made up, the same each time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from analytics.moving.client_contexts import Context
from analytics.moving.made_up_clients import contexts_of, random_of, sources_of
from analytics.moving.made_up_visits import Page, Visit, differences, visits_of
from analytics.moving.plausible_day import Day, count_of, counts_of
from analytics.moving.records import Broken, BrokenLine, Event, Found, Left, Target, record
from analytics.moving.scratch import Values
from analytics.reports.questions.buckets import start_of
from config.db import uuid7

NO_VIEW = "visits without a page view"
NO_PAGE = "page views without a page"
NO_TIME = "seconds of visits for which there is no room"
LINKS = {
    "Outbound Link: Click": "outbound",
    "Cloaked Link: Click": "outbound",
    "File Download": "download",
}


@dataclass(slots=True)
class _Session:
    """A made-up visit with its times."""

    number: int
    visitor: int
    visit: Visit
    start_ms: int
    seconds: int = 0

    def ms_of(self, view: int) -> int:
        """Return the time of a page view; the last one ends the session."""
        return self.start_ms + 1000 * self.seconds * view // max(len(self.visit.pages) - 1, 1)


def session_id(day: Day, number: int) -> str:
    return f"plausible-{day.date}-{number}"


def first_id(day: Day, target: Target) -> UUID | None:
    """Return the id of the first event of the first session, None if the day has none."""
    sessions = _sessions(day, target)
    return _id(day, target, sessions[0], "0") if sessions else None


def made_up(day: Day, target: Target) -> Iterator[Found]:
    """Yield the events of a day, and what of its counts no event can have."""
    place = f"day {day.date}"
    sessions = _sessions(day, target)
    yield from _losses(day, sessions)
    contexts = contexts_of(day, target, len(sessions))
    sources = sources_of(day, target, len(sessions))
    for session, context, source in zip(sessions, contexts, sources, strict=True):
        for number, page in enumerate(session.visit.pages):
            first = (source, context) if number == 0 else (("", None), None)
            event = _view(day, target, session, number, page, *first[0])
            yield _checked(place, event, first[1])
    yield from _custom_events(day, target, sessions)


def _sessions(day: Day, target: Target) -> list[_Session]:
    """Return the sessions of a day, spread over it; the longer ones share its seconds."""
    counts, random = day.counts, random_of(day, target, "sessions")
    visits = visits_of(counts)
    random.shuffle(visits)
    visitors = min(counts.visitors or len(visits), len(visits))
    start, end = (
        uuid7.to_ms(start_of(each, target.zone))
        for each in (day.date, day.date + timedelta(days=1))
    )
    longer = max(sum(len(visit.pages) > 1 for visit in visits), 1)
    share, more = divmod(sum(counts_of(day.tables["visitors"], "visit_duration")), longer)
    sessions = []
    for number, visit in enumerate(visits):
        at = start + (2 * number + 1) * (end - start) // (2 * len(visits))
        session = _Session(number, number % visitors, visit, at)
        if len(visit.pages) > 1:
            session.seconds = min(share + (more > 0), (end - start) // 1000 - 1)
            session.start_ms = min(at, end - 1000 - 1000 * session.seconds)
            more -= 1
        sessions.append(session)
    return sessions


def _losses(day: Day, sessions: Sequence[_Session]) -> Iterator[Left]:
    totals, counts = day.tables["visitors"], day.counts
    seconds = sum(counts_of(totals, "visit_duration"))
    yield from (
        Left(reason, lines)
        for reason, lines in (
            (NO_VIEW, counts.visits - len(sessions)),
            (NO_PAGE, sum(counts_of(totals, "pageviews")) - counts.views),
            (NO_TIME, seconds - sum(session.seconds for session in sessions)),
            *(
                (f"{name} of a day that do not fit the others", missed)
                for name, missed in differences([each.visit for each in sessions], counts)
            ),
        )
        if lines > 0
    )


def _view(
    day: Day,
    target: Target,
    session: _Session,
    number: int,
    page: Page,
    query: str,
    referrer: str | None,
) -> Event:
    return {
        "id": _id(day, target, session, str(number), session.ms_of(number)),
        "eventType": "pageview",
        "url": target.url_of(page.path, host=page.host, query=query),
        "referrer": referrer,
        **_whose(day, session),
        "properties": {"imported": "plausible"},
    }


def _custom_events(day: Day, target: Target, sessions: Sequence[_Session]) -> Iterator[Found]:
    """Yield custom events and clicks, at the time of the first view of some sessions."""
    start = 0
    for kind, row in enumerate(day.tables["custom_events"]):
        events, visitors = count_of(row, "events"), max(count_of(row, "visitors"), 1)
        if not sessions:
            yield Left(NO_VIEW, events)
            continue
        for number in range(events):
            session = sessions[(start + number % visitors) % len(sessions)]
            event = {
                "id": _id(day, target, session, f"event-{kind}-{number}"),
                **_what(row),
                "url": _url(target, session, row.get("path", "")),
                **_whose(day, session),
            }
            yield _checked(f"day {day.date}", event, None)
        start += visitors


def _what(row: Values) -> Event:
    """Return what an event was: a click on a link, or one of its name."""
    name, link, path = row.get("name", ""), row.get("link_url", ""), row.get("path", "")
    about = {"imported": "plausible"} | ({"path": path} if path else {})
    if name in LINKS:
        properties = {"kind": LINKS[name], "href": link, **about}
        return {"eventType": "click", "properties": properties}
    return {
        "eventType": "custom",
        "properties": {"name": name, **({"url": link} if link else {}), **about},
    }


def _url(target: Target, session: _Session, path: str) -> str:
    page = session.visit.pages[0]
    return target.url_of(path or page.path, host=page.host)


def _whose(day: Day, session: _Session) -> Event:
    visitor = f"plausible-{day.date}-visitor-{session.visitor}"
    return {"sessionId": session_id(day, session.number), "visitorId": visitor}


def _id(day: Day, target: Target, session: _Session, what: str, ms: int | None = None) -> UUID:
    website, date = target.website.pk.hex, day.date.isoformat()
    at = session.start_ms if ms is None else ms
    return uuid7.hashed_id(at, website, "plausible", date, str(session.number), what)


def _checked(place: str, event: Event, context: Context | None) -> Found:
    try:
        return record(place, event, context)
    except BrokenLine as error:
        return Broken(place, str(error))
