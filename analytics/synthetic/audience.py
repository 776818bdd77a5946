"""The audience of a website: who visits it, from where, with what, and who comes back.

Nothing is remembered from day to day. A visitor is a number among those who came first on one day,
and all that is known of him follows from it.
"""

from dataclasses import dataclass
from hashlib import blake2b
from random import Random
from typing import NamedTuple, Self
from uuid import UUID

from analytics.sessions.user_agents import Agent, agent_of
from analytics.synthetic.clients import BROWSERS, CRAWLER, PLACES, Place, repeated
from analytics.synthetic.hours import DAY_MS

IS_NEW = 0.62  # the share of visits by those who came first on the same day
DAYS_UNTIL_RETURN = 6  # on average
IS_CRAWLER = 0.01
EVENTS_PER_VISIT = 5

Screen = tuple[int, int]
_CLIENTS: list[tuple[Agent, Screen]] = repeated(
    ((agent_of(agent), (width, height)), share) for agent, share, width, height in BROWSERS
)
_PLACES = repeated(PLACES)
_CRAWLER = agent_of(CRAWLER)


class Visitor(NamedTuple):
    """A visitor of a website, with one browser and one place."""

    id: str
    agent: Agent
    screen: Screen
    place: Place
    is_bot: bool


@dataclass(frozen=True, slots=True)
class Site:
    """A website.

    pages: how many it has. new_visitors: how many come on a day for the first time, about.
    """

    id: UUID
    host: str
    pages: int
    new_visitors: int

    @classmethod
    def of(cls, id: UUID, host: str, events_a_day: float) -> Self:
        """Return a website with pages and visitors for so many events a day."""
        visitors = int(events_a_day / EVENTS_PER_VISIT * IS_NEW)
        return cls(id, host, 20 + min(int(events_a_day / 50), 5000), 1 + visitors)

    def random_page(self, random: Random) -> int:
        """Return the number of a page; the popularity of pages is a power law."""
        return int(self.pages ** random.random()) - 1

    def random_visitor(self, random: Random, day: int) -> Visitor:
        """Return a visitor of a day: a new one, or one who comes back, as a few do often."""
        chance = random.random()
        if chance < IS_CRAWLER:
            return self._visitor(day, random.randrange(self.new_visitors), is_bot=True)
        if chance < IS_NEW:
            return self._visitor(day, random.randrange(self.new_visitors))
        days = 1 + int(random.expovariate(1 / DAYS_UNTIL_RETURN))
        return self._visitor(day - days, int(self.new_visitors * random.random() ** 3))

    def _visitor(self, day: int, number: int, *, is_bot: bool = False) -> Visitor:
        """Return one of those who came first on a day, counted from 1970."""
        text = f"{self.host} {day} {number} {is_bot}"
        bits = int.from_bytes(blake2b(text.encode(), digest_size=16).digest())
        agent, screen = _CLIENTS[bits % len(_CLIENTS)]
        return Visitor(
            f"vis-{day * DAY_MS + (bits >> 16) % DAY_MS}-{bits >> 64 & 0xFFFFFFFFF:09x}",
            _CRAWLER if is_bot else agent,
            screen,
            _PLACES[(bits >> 40) % len(_PLACES)],
            is_bot,
        )
