"""The dataset behind the traffic: websites, pages, users and visitors."""

from dataclasses import dataclass
from random import Random
from uuid import UUID

from analytics.sessions import visitors
from analytics.sessions.user_agents import Agent, agent_of
from analytics.synthetic.audience import Site
from analytics.synthetic.clients import BROWSERS, PLACES

WEBSITES = (("Shop", 60), ("Magazine", 22), ("Docs", 10), ("Jobs", 6), ("Labs", 2))
USERS = 500
VISITORS = 20_000
PAGES = 300
BIO_PAGES = 3

REFERRERS: tuple[tuple[str | None, int], ...] = (
    (None, 45),
    ("https://www.google.com/", 30),
    ("https://www.instagram.com/", 12),
    ("https://news.ycombinator.com/item?id=42", 5),
    ("https://t.co/8dJ2kXq1aB", 5),
    ("https://duckduckgo.com/", 3),
)


@dataclass(frozen=True, slots=True)
class Visitor:
    """A returning visitor, with one browser and one place."""

    id: str
    hash: str
    agent: Agent
    screen: tuple[int, int]
    country: str
    city: str
    timezone: str
    language: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page of every website; `properties` is the JSON text of its clicks and custom events."""

    path: str
    title: str
    properties: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """Everything that events refer to; the same for the same seed."""

    sites: list[Site]
    users: list[UUID]
    visitors: list[Visitor]
    pages: list[Page]
    bio_pages: list[UUID]

    def random_visitors(self, random: Random, count: int) -> list[Visitor]:
        """Return random visitors, of whom a few come often."""
        chance = random.random
        return [self.visitors[int(chance() ** 2 * VISITORS)] for _ in range(count)]

    def random_pages(self, random: Random, count: int) -> list[int]:
        """Return the numbers of random pages, of which a few are popular."""
        chance = random.random
        return [int(chance() ** 3 * PAGES) for _ in range(count)]


def build(random: Random, sites: list[Site], users: list[UUID], bio: list[UUID]) -> Dataset:
    """Return the dataset of websites, users and bio pages."""
    pages = [_page(number) for number in range(PAGES)]
    return Dataset(
        sites=sites,
        users=users,
        visitors=[_visitor(random) for _ in range(VISITORS)],
        pages=pages,
        bio_pages=bio,
    )


def random_referrers(random: Random, count: int) -> list[str | None]:
    """Return the referrers of random visits, None for direct ones."""
    addresses, weights = zip(*REFERRERS, strict=True)
    return random.choices(addresses, weights, k=count)


def _page(number: int) -> Page:
    if number == 0:
        return Page("/", "Home", '{"plan":"pro"}')
    properties = f'{{"articleId":"art-{number}","readingTime":{number % 12 + 1}}}'
    return Page(f"/articles/{number}", f"Article {number}", properties)


def _visitor(random: Random) -> Visitor:
    agent, _, *screen = random.choices(BROWSERS, [each[1] for each in BROWSERS])[0]
    [[place, _]] = random.choices(PLACES, [share for _, share in PLACES])
    id = f"vis-{random.randrange(1_700_000_000_000, 1_760_000_000_000)}-{_letters(random)}"
    return Visitor(
        id=id,
        hash=visitors.hash_visitor_id(id),
        agent=agent_of(agent),
        screen=(screen[0], screen[1]),
        country=place.country,
        city=place.city,
        timezone=place.timezone,
        language=place.language,
    )


def _letters(random: Random) -> str:
    return f"{random.getrandbits(36):09x}"


def random_session_id(random: Random, ms: int) -> str:
    """Return a session id as the script in the pages creates it."""
    return f"sess-{ms}-{_letters(random)}"
