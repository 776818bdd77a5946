"""Visits that have given counts: of page views, sessions of each page, entries, exits, bounces

Each step keeps what those before it have fixed, and comes as close to its own counts as that
allows; where counts contradict each other the page views of each page win.
"""

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any, NamedTuple

TRIES = 8  # sessions that are looked at for one that has not seen a page yet


class Page(NamedTuple):
    """A page; the host may not be known."""

    host: str
    path: str


class PageCounts(NamedTuple):
    """Page views of a page, and sessions that have one."""

    views: int
    visits: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What is known of the visits of a day.

    entries: by path, those that begin there, and how many of these are bounces.
    """

    visits: int
    visitors: int
    bounces: int
    pages: Mapping[Page, PageCounts]
    entries: Mapping[str, tuple[int, int]]
    exits: Mapping[str, int]

    @property
    def views(self) -> int:
        return sum(each.views for each in self.pages.values())


@dataclass(slots=True)
class Visit:
    """The pages of a session, in their order; a bounce has one."""

    pages: list[Page]
    room: int = field(default=0)  # for further page views


def visits_of(counts: Counts) -> list[Visit]:
    """Return visits; fewer than there should be if there are too few page views."""
    number = min(counts.visits or counts.views, counts.views)
    if not number:
        return []
    bounces = _bounces(counts, number)
    left = Counter({page: each.views for page, each in counts.pages.items() if each.views})
    visits = [Visit([page]) for page in _entries(counts, number, bounces, left)]
    others = visits[bounces:]
    share, more = divmod(left.total(), max(len(others), 1))
    for position, visit in enumerate(others):
        visit.room = share + (position < more)
    _fill(others, counts, left)
    _choose_exits(visits, counts)
    return visits


def _bounces(counts: Counts, visits: int) -> int:
    """Return how many visits have one page view; the others have two at least."""
    bounces = min(max(counts.bounces, 2 * visits - counts.views), visits)
    return bounces - 1 if bounces == visits < counts.views else bounces


def _entries(counts: Counts, visits: int, bounces: int, left: Counter[Page]) -> list[Page]:
    """Take the first page of each visit; those of bounces come first."""
    bounced: list[Page] = []
    others: list[Page] = []
    for path, (entrances, single) in counts.entries.items():
        pages = _taken(path, min(entrances, visits - len(bounced) - len(others)), left)
        fit = min(single, bounces - len(bounced), len(pages))
        bounced += pages[:fit]
        others += pages[fit:]
    while len(bounced) + len(others) < visits:
        [(page, _)] = left.most_common(1)
        count = min(left[page], visits - len(bounced) - len(others))
        others += _take(page, count, left)
    missing = bounces - len(bounced)
    return bounced + others[len(others) - missing :] + others[: len(others) - missing]


def _taken(path: str, count: int, left: Counter[Page]) -> list[Page]:
    """Take page views of a path, of the host that has most of them first."""
    pages = sorted((page for page in left if page.path == path), key=lambda page: -left[page])
    taken: list[Page] = []
    for page in pages:
        taken += _take(page, min(count - len(taken), left[page]), left)
    return taken


def _take(page: Page, count: int, left: Counter[Page]) -> list[Page]:
    left[page] -= count
    if not left[page]:
        del left[page]
    return [page] * count


def _fill(visits: Sequence[Visit], counts: Counts, left: Counter[Page]) -> None:
    """Give the visits the page views that are left, those of most pages to different ones."""
    free = deque(visit for visit in visits if visit.room)
    having: dict[Page, list[Visit]] = {}
    for visit in visits:
        having.setdefault(visit.pages[0], []).append(visit)
    entered = {page: len(each) for page, each in having.items()}
    for page, count in left.most_common():
        first = max(counts.pages[page].visits - entered.get(page, 0), 0)
        holders = having.get(page, [])
        for _ in range(min(first, count)):
            holders.append(_place(page, free))
        _repeat(page, count - min(first, count), holders, free)


def _repeat(page: Page, count: int, holders: Sequence[Visit], free: deque[Visit]) -> None:
    """Place further views of a page in visits that have one, as far as these have room."""
    roomy = chain.from_iterable(repeat(visit, visit.room) for visit in holders)
    for _ in range(count):
        visit = next(roomy, None)
        if visit is None or not visit.room:
            _place(page, free)
        else:
            visit.pages.append(page)
            visit.room -= 1


def _place(page: Page, free: deque[Visit]) -> Visit:
    """Place a view in the next visit with room, one that has not seen the page if there is one."""
    tried = 0
    while not free[0].room:
        free.popleft()
    while tried < min(TRIES, len(free)) and (not free[0].room or page in free[0].pages):
        free.rotate(-1)
        tried += 1
    while not free[0].room:
        free.popleft()
    visit = free.popleft()
    visit.pages.append(page)
    visit.room -= 1
    if visit.room:
        free.append(visit)
    return visit


def _choose_exits(visits: Sequence[Visit], counts: Counts) -> None:
    """Let visits end where most have yet to end."""
    left = Counter(counts.exits)
    for visit in visits:
        if len(visit.pages) > 1:
            last = max(range(1, len(visit.pages)), key=lambda n: left[visit.pages[n].path])
            visit.pages.append(visit.pages.pop(last))
        left[visit.pages[-1].path] -= 1


def differences(visits: Sequence[Visit], counts: Counts) -> Iterator[tuple[str, int]]:
    """Yield by how much the visits miss their counts: sessions of pages, entries, exits."""
    having = Counter(page for visit in visits for page in set(visit.pages))
    expected = Counter({page: each.visits for page, each in counts.pages.items()})
    yield "sessions of pages", _difference(having, expected)
    if counts.entries:
        entered = Counter(visit.pages[0].path for visit in visits)
        entries = Counter({path: each for path, (each, _) in counts.entries.items()})
        yield "entries", _difference(entered, entries)
    if counts.exits:
        left = Counter(visit.pages[-1].path for visit in visits)
        yield "exits", _difference(left, Counter(counts.exits))


def _difference(found: Counter[Any], expected: Counter[Any]) -> int:
    return sum(abs(found[key] - expected[key]) for key in found.keys() | expected.keys())
