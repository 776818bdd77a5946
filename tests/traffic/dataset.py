"""The dataset behind the traffic: websites, pages, users and visitors."""

from dataclasses import dataclass
from random import Random
from uuid import UUID

from analytics.sessions import visitors
from analytics.sessions.user_agents import Agent, agent_of

WEBSITES = (("Shop", 60), ("Magazine", 22), ("Docs", 10), ("Jobs", 6), ("Labs", 2))
USERS = 500
VISITORS = 20_000
PAGES = 300
BIO_PAGES = 3

# User-Agent, share in percent, width and height of the screen.
BROWSERS = (
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/142.0.0.0 Safari/537.36",
        *(34, 1920, 1080),
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
        "Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
        *(26, 390, 844),
    ),
    (
        "Mozilla/5.0 (Linux; Android 15; K) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/142.0.0.0 Mobile Safari/537.36",
        *(22, 412, 915),
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/18.6 Safari/605.1.15",
        *(9, 1728, 1117),
    ),
    (
        "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
        *(5, 2560, 1440),
    ),
    (
        "Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/18.6 Mobile/15E148 Safari/604.1",
        *(4, 820, 1180),
    ),
)
# Country, city, time zone, language, share in percent.
PLACES = (
    ("United States", "New York", "America/New_York", "en-US", 30),
    ("Germany", "Berlin", "Europe/Berlin", "de-DE", 18),
    ("Türkiye", "Istanbul", "Europe/Istanbul", "tr-TR", 16),
    ("United Kingdom", "London", "Europe/London", "en-GB", 14),
    ("France", "Paris", "Europe/Paris", "fr-FR", 12),
    ("Japan", "Tokyo", "Asia/Tokyo", "ja-JP", 10),
)
COUNTRY_CODES = {
    "United States": "US",
    "Germany": "DE",
    "Türkiye": "TR",
    "United Kingdom": "GB",
    "France": "FR",
    "Japan": "JP",
}
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

    websites: list[UUID]
    urls: dict[UUID, list[str]]  # by website, in the order of the pages
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

    def random_websites(self, random: Random, count: int) -> list[UUID]:
        """Return random websites, weighted by their share of the traffic."""
        return random.choices(self.websites, [weight for _, weight in WEBSITES], k=count)


def build(random: Random, websites: dict[UUID, str], users: list[UUID], bio: list[UUID]) -> Dataset:
    """Return the dataset of websites, given with their domains, users and bio pages."""
    pages = [_page(number) for number in range(PAGES)]
    return Dataset(
        websites=list(websites),
        urls={
            id: [f"https://{domain}{page.path}" for page in pages]
            for id, domain in websites.items()
        },
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
    country, city, timezone, language, _ = random.choices(PLACES, [each[4] for each in PLACES])[0]
    id = f"vis-{random.randrange(1_700_000_000_000, 1_760_000_000_000)}-{_letters(random)}"
    return Visitor(
        id=id,
        hash=visitors.hash_visitor_id(id),
        agent=agent_of(agent),
        screen=(screen[0], screen[1]),
        country=country,
        city=city,
        timezone=timezone,
        language=language,
    )


def _letters(random: Random) -> str:
    return f"{random.getrandbits(36):09x}"


def random_session_id(random: Random, ms: int) -> str:
    """Return a session id as the script in the pages creates it."""
    return f"sess-{ms}-{_letters(random)}"
