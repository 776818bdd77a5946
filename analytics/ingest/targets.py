"""Targets of the writers by name, and their items as JSON.

What is written down outlives an upgrade: rows name their columns, so that those of an older version
find their places; a column that has come since is null, or what its row type has as default.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar

import msgspec

from analytics.ingest.commit import Target

Registered = TypeVar("Registered", bound=Target)

_by_name: dict[str, Target] = {}


class UnreadableItems(Exception):
    """Items that were written down are not those of any target here."""


class Recorded(NamedTuple):
    """Items of one target, as JSON."""

    target: str
    columns: str  # of its rows, separated by commas
    items: int
    data: bytes


def register(target: Registered) -> Registered:
    """Let a target be found by its name, under which its items are written down."""
    _by_name[target.name] = target
    return target


def find(name: str) -> Target:
    """Return a target; raises UnreadableItems if there is none of this name."""
    if name not in _by_name:
        raise UnreadableItems(f"nothing is named {name}")
    return _by_name[name]


def record(target: Target, items: Sequence[Any]) -> Recorded:
    """Return items as JSON; raises UnicodeError for a text that UTF-8 cannot encode."""
    return Recorded(target.name, _columns(target), len(items), encode(items))


def encode(items: Sequence[Any]) -> bytes:
    return msgspec.json.encode(items)


def read(recorded: Recorded) -> list[Any]:
    """Return the items that were written down; raises UnreadableItems."""
    target = find(recorded.target)
    try:
        if recorded.columns == _columns(target):
            items: list[Any] = _decoder(target).decode(recorded.data)
            return items
        moved = _moved(msgspec.json.decode(recorded.data), target, recorded.columns.split(","))
        return [msgspec.convert(each, target.item_type) for each in moved]
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        raise UnreadableItems(str(error)) from error


def _moved(items: list[Any], target: Target, columns: Sequence[str]) -> list[Any]:
    """Return items with each row in the columns of today."""
    fields = target.row_type._fields
    defaults = target.row_type._field_defaults

    def move(value: Any) -> Any:
        if isinstance(value, dict):  # a change, with a row in it or not
            return {name: move(each) for name, each in value.items()}
        if not isinstance(value, list):
            return value
        known = dict(zip(columns, value, strict=True))
        return [known.get(name, defaults.get(name)) for name in fields]

    return [move(item) for item in items]


@cache
def _columns(target: Target) -> str:
    return ",".join(target.row_type._fields)


@cache
def _decoder(target: Target) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(list[target.item_type])  # type: ignore[name-defined]
