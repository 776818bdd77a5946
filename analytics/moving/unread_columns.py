"""Columns that nothing here reads, so that their loss is said"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from analytics.moving.records import Left


class UnreadColumns:
    """How many values came in columns that nothing reads."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def count(self, table: str, row: Mapping[str, str], read: Collection[str]) -> None:
        """Count the values of a row that are in none of the columns that are read."""
        for name in row.keys() - read:
            self._counts[f"{table}.{name}"] += row[name] != ""

    def left(self) -> Iterator[Left]:
        """Yield what was counted, by columns."""
        for name, values in self._counts.items():
            if values:
                yield Left(f"values of the column {name}", values)
