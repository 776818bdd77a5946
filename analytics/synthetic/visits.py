"""A visit of a website: the events that the tracking script sends of it."""

import math
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from analytics.events.models import EventRow, EventType
from analytics.synthetic import content
from analytics.synthetic.audience import Site, Visitor
from analytics.synthetic.clients import repeated
from analytics.synthetic.hours import Hours, seeded_id
from config.db import uuid7

IS_BOUNCE = 0.5
MORE_VIEWS = 1.8  # of others, beyond two; on average
_POISSON = [math.exp(-MORE_VIEWS) * MORE_VIEWS**n / math.factorial(n) for n in range(20)]
_MORE = list(accumulate(_POISSON))[:-1]
MAX_CRAWLED = 30  # pages, by one crawler
MEAN_READING_MS = 40_000
MAX_READING_MS = 25 * 60_000  # another session begins after half an hour
TELLS_ENGAGEMENT = 0.85
CLICKS_ON = 0.5  # by a link to the next page
LEAVES_BY_LINK, DOWNLOADS = 0.05, 0.02  # of each page view

PAGEVIEW, CLICK, CUSTOM = EventType.PAGEVIEW.value, EventType.CLICK.value, EventType.CUSTOM.value
# Referrer, query, share.
SOURCES = repeated(
    (
        ((None, ""), 340),
        (("https://www.google.com/", ""), 260),
        (("https://www.bing.com/", ""), 30),
        (("https://duckduckgo.com/", ""), 25),
        (("https://l.facebook.com/", ""), 40),
        (("https://www.instagram.com/", ""), 50),
        (("https://t.co/8dJ2kXq1aB", ""), 25),
        (("https://www.linkedin.com/", ""), 20),
        (("https://www.reddit.com/", ""), 25),
        (("https://www.youtube.com/", ""), 15),
        (("https://news.ycombinator.com/item?id=42", ""), 10),
        (("https://chatgpt.com/", "?utm_source=chatgpt.com"), 20),
        ((None, "?utm_source=newsletter&utm_medium=email&utm_campaign=week-{week}"), 40),
        (("https://www.google.com/", "?utm_source=google&utm_medium=cpc&utm_campaign=brand"), 30),
        (("https://www.google.com/", "?gclid=Cj0KCQ{number}"), 10),
        (("https://blog{number}.example/post", ""), 60),
    )
)


@dataclass(slots=True)
class Visit:
    """A visit on its way; `ms` is the time of its latest event."""

    site: Site
    visitor: Visitor
    session_id: str
    random: Random
    ms: int
    rows: list[EventRow]

    def view(self, page: int, referrer: str | None, query: str = "") -> EventRow:
        """View a page; the first view of the session has the screen."""
        title, path = content.page(page)
        screen = "" if self.rows else ',"screen":"{}x{}"'.format(*self.visitor.screen)
        properties = f'{{"title":"{title}","pathname":"{path}"{screen}}}'
        return self._add(PAGEVIEW, f"https://{self.site.host}{path}{query}", referrer, properties)

    def act(self, url: str, path: str) -> None:
        """Do on a page what some do there: open a link, fetch a file, cause an event."""
        random = self.random
        chance = random.random()
        if chance < LEAVES_BY_LINK:
            self.click(url, "Partner", content.popular(random, content.PARTNERS), "outbound")
        elif chance < LEAVES_BY_LINK + DOWNLOADS:
            file = content.popular(random, content.FILES)
            self.click(url, "Download", f"https://{self.site.host}/files/{file}", "download")
        elif properties := content.random_event(random, path):
            self._add(CUSTOM, url, None, properties)

    def click(self, url: str, text: str, href: str, kind: str) -> None:
        """Click on a link."""
        properties = f'{{"elementText":"{text}","href":"{href}","kind":"{kind}"}}'
        self._add(CLICK, url, None, properties)

    def engage(self, view: EventRow, seconds: int) -> None:
        """Tell for how long a page was in use, and how much of it was seen."""
        scroll = 20 + int(81 * self.random.random())
        self._add(
            CUSTOM,
            view.url,
            None,
            f'{{"name":"$engagement","seconds":{seconds},"scroll":{scroll},"page":"{view.id}"}}',
        )

    def _add(self, type: str, url: str, referrer: str | None, properties: str) -> EventRow:
        self.ms += 1
        visitor = self.visitor
        row = EventRow(
            seeded_id(self.random, self.ms),
            uuid7.from_ms(self.ms),
            self.site.id,
            type,
            url,
            referrer,
            self.session_id,
            visitor.id,
            visitor.agent.device,
            None,
            None,
            None,
            properties,
        )
        self.rows.append(row)
        return row


def visit(site: Site, hours: Hours, day: int, random: Random, ms: int) -> Visit:
    """Return a visit that begins at a time, or so much before that it ends within the period."""
    visitor = site.random_visitor(random, day)
    readings = _crawled(random) if visitor.is_bot else _readings(random)
    ms = min(ms, hours.period_end_ms - 10 * len(readings) - sum(readings))
    session_id = f"sess-{ms}-{random.getrandbits(36):09x}"
    found = Visit(site, visitor, session_id, random, ms, [])
    _walk(found, readings, *_source(random, day))
    return found


def _walk(visit: Visit, readings: Sequence[int], referrer: str | None, query: str) -> None:
    random, site = visit.random, visit.site
    pages = [site.random_page(random) for _ in readings]
    for number, ms in enumerate(readings):
        view = visit.view(pages[number], referrer, query)
        referrer, query = None, ""
        visit.ms += ms // 2
        if visit.visitor.is_bot:
            continue
        visit.act(view.url, content.page(pages[number]).path)
        visit.ms += ms // 2
        if ms >= 1000 and random.random() < TELLS_ENGAGEMENT:
            visit.engage(view, ms // 1000)
        if number + 1 < len(readings) and random.random() < CLICKS_ON:
            title, path = content.page(pages[number + 1])
            visit.click(view.url, title, f"https://{site.host}{path}", "internal")


def _readings(random: Random) -> list[int]:
    """Return for how many milliseconds each page of a visit is read."""
    chance = random.random()
    more = (chance - IS_BOUNCE) / (1 - IS_BOUNCE)
    views = 1 if more < 0 else 2 + bisect(_MORE, more)
    rate = 1 / MEAN_READING_MS
    return [min(int(random.expovariate(rate)), MAX_READING_MS) for _ in range(views)]


def _crawled(random: Random) -> list[int]:
    return [random.randrange(200, 2000) for _ in range(1 + random.randrange(MAX_CRAWLED))]


def _source(random: Random, day: int) -> tuple[str | None, str]:
    """Return the referrer and the query of a visit's first page."""
    referrer, query = random.choice(SOURCES)
    number = int(300 ** random.random())
    if referrer is not None:
        referrer = referrer.replace("{number}", str(number))
    return referrer, query.format(week=day // 7 % 52, number=number) if query else ""
