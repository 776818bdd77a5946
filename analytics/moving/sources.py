"""The formats that can be imported, and what each cannot bring along"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from analytics.moving import access_log, goatcounter, plausible, stored_events, umami
from analytics.moving.records import Found, Target


@dataclass(frozen=True, slots=True)
class Source:
    """A format: what reads its files, and what is lost or made up, whatever they hold."""

    read: Callable[[Sequence[str], Target], Iterator[Found]]
    losses: tuple[str, ...] = ()


SOURCES = {
    "millrace": Source(stored_events.read),
    "umami": Source(
        umami.read,
        (
            "Left out: session_data, revenue, reports, replays, web vitals, ids of persons "
            "(distinct_id), and users.",
            "A visit of Umami is a session, its session of a month a visitor.",
        ),
    ),
    "plausible": Source(
        plausible.read,
        (
            "Plausible exports counts of days and no events, so events are MADE UP that have these "
            'counts; all are marked {"imported": "plausible"}.',
            "As counted: visitors, sessions, page views, bounces and seconds of each day; page "
            "views of each page; entries; sessions by source, place, device, browser and system.",
            "Nearly as counted: sessions and exits of pages. Not as counted: visitors of pages and "
            "of anything but the day; visitors of several days, who are others each day.",
            "Made up: hours, the order of pages, and which source, place, device and page go "
            "together. Filters by several of them mean nothing.",
            "Lost: cities, which are numbers there; scroll depth and time on pages; goals with "
            "properties; revenue.",
        ),
    ),
    "goatcounter": Source(
        goatcounter.read,
        (
            "Lost: milliseconds, languages, and referrers that are no URLs.",
            "Sessions end after half an hour; a session of GoatCounter is a visitor.",
        ),
    ),
    "access-log": Source(
        access_log.read,
        (
            "Addresses are hashed with a key of the day; a visitor of several days is several.",
            "Lost: custom events, screens, languages, and views that no server saw.",
        ),
    ),
}
