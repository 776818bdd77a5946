"""The countries of the world, the darker the more visitors they have."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from analytics.pages.charts import level
from analytics.pages.lists import ListRow
from analytics.reports.questions.question import Row


@dataclass(frozen=True, slots=True)
class Country:
    """A country on the map; code: the name of its shape in world.svg."""

    code: str
    text: str
    level: int
    link: str


def countries(rows: Sequence[Row], listed: Sequence[ListRow]) -> list[Country]:
    """Return the countries among rows that are ordered by visitors, and the same as a list.

    They are as dark as the root of their visitors, or most would be as if they had none.
    """
    most = max((_visitors(row) for row in rows if row.value), default=0)
    return [
        Country(
            row.value,
            f"{each.text}: {each.numbers[0].text}",
            level(math.sqrt(_visitors(row) / most) if most else 0),
            each.link,
        )
        for row, each in zip(rows, listed, strict=True)
        if row.value
    ]


def map_text(found: Sequence[Country]) -> str:
    """Return what the map shows as a sentence."""
    return f"Visitors by country. Most: {found[0].text}" if found else ""


def _visitors(row: Row) -> float:
    return row.metrics["visitors"] or 0
