"""What Plausible counts of one day, table by table"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from analytics.moving.made_up_visits import Counts, Page, PageCounts
from analytics.moving.scratch import Values

MAX_VIEWS = 1_000_000


@dataclass(frozen=True)
class Day:
    """The rows of all tables of a day."""

    date: date
    tables: dict[str, list[Values]]

    @property
    def rows(self) -> int:
        return sum(map(len, self.tables.values()))

    @property
    def is_too_large(self) -> bool:
        views = max(
            sum(counts_of(self.tables[each], "pageviews")) for each in ("visitors", "pages")
        )
        events = sum(counts_of(self.tables["custom_events"], "events"))
        visits = sum(counts_of(self.tables["visitors"], "visits"))
        return max(views, visits) + events > MAX_VIEWS

    @cached_property
    def counts(self) -> Counts:
        """Return what is known of the visits."""
        totals, tables = self.tables["visitors"], self.tables
        pages = {
            Page(row.get("hostname", ""), row.get("page", "")): PageCounts(
                count_of(row, "pageviews"), count_of(row, "visits") or count_of(row, "visitors")
            )
            for row in tables["pages"]
        }
        entries = {
            row.get("entry_page", ""): (count_of(row, "entrances"), count_of(row, "bounces"))
            for row in tables["entry_pages"]
        }
        exits = {row.get("exit_page", ""): count_of(row, "exits") for row in tables["exit_pages"]}
        return Counts(
            visits=sum(counts_of(totals, "visits")) or sum(each for each, _ in entries.values()),
            visitors=sum(counts_of(totals, "visitors")),
            bounces=sum(counts_of(totals, "bounces")),
            pages=pages,
            entries=entries,
            exits=exits,
        )


def count_of(row: Values, name: str) -> int:
    return int(row.get(name) or 0)


def counts_of(rows: Sequence[Values], name: str) -> list[int]:
    return [count_of(row, name) for row in rows]
