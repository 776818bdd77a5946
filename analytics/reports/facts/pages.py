"""The page that a URL counts as, by the page rules of its website"""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Self
from urllib.parse import unquote_plus

from websites.settings import REMOVE

_PATH_AND_QUERY = re.compile(r"[^:/?#]*://[^/?#]*([^?#]*)(?:\?([^#]*))?", re.DOTALL)
_ANY_SEGMENTS = "**"
MAX_STEPS = 10_000  # of comparing a path with all patterns: some milliseconds


@dataclass(frozen=True, slots=True)
class PageRules:
    """The page rules of a website, as a key of the cache."""

    query_keys: tuple[str, ...] = ()
    removes_trailing_slash: bool = False
    patterns: tuple[str, ...] = ()

    @classmethod
    def of(cls, rules: dict[str, Any]) -> Self:
        return cls(
            tuple(rules["queryKeys"]),
            rules["trailingSlash"] == REMOVE,
            tuple(rules["patterns"]),
        )


@lru_cache(maxsize=10_000)
def page_of(url: str, rules: PageRules) -> str:
    """Return the first pattern that the path of a URL fits, else the path and the kept query."""
    match = _PATH_AND_QUERY.match(url)
    path, query = match.groups() if match else ("", None)
    path = path or "/"
    if rules.removes_trailing_slash:
        path = path.removesuffix("/") or "/"
    if pattern := _first_fitting(path, rules.patterns):
        return pattern
    kept = _kept_query(query or "", rules.query_keys)
    return f"{path}?{kept}" if kept else path


def _kept_query(query: str, keys: Sequence[str]) -> str:
    if not (query and keys):
        return ""
    fields = [(unquote_plus(field.partition("=")[0]), field) for field in query.split("&")]
    return "&".join(field for key in keys for name, field in fields if name == key)


def _first_fitting(path: str, patterns: Sequence[str]) -> str | None:
    """Return the first pattern that a path fits; none if comparing them would take too long."""
    segments = path.split("/")
    work = _Work(len(path))
    with suppress(_TooMuch):
        return next((pattern for pattern in patterns if _fits(segments, pattern, work)), None)
    return None


class _TooMuch(Exception):
    """A path needs more steps than any that a person would read."""


class _Work:
    """Steps that are left; those of a long path take longer."""

    def __init__(self, length: int) -> None:
        self._left = MAX_STEPS // (1 + length // 200)

    def step(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise _TooMuch


def _fits(segments: Sequence[str], pattern: str, work: _Work) -> bool:
    """Return whether a path fits: `*` is one segment or a part of it, `**` any number of segments.

    It goes back to the last `**` only, so that no pattern takes exponential time.
    """
    parts = pattern.split("/")
    at = part = 0
    retry: tuple[int, int] | None = None
    while at < len(segments):
        work.step()
        if part < len(parts) and parts[part] == _ANY_SEGMENTS:
            part += 1
            retry = (at, part)
        elif part < len(parts) and _fits_segment(segments[at], parts[part]):
            at, part = at + 1, part + 1
        elif retry:
            at, part = retry[0] + 1, retry[1]
            retry = (at, part)
        else:
            return False
    return all(rest == _ANY_SEGMENTS for rest in parts[part:])


def _fits_segment(segment: str, part: str) -> bool:
    if "*" not in part:
        return segment == part
    return segment != "" and fnmatchcase(segment, part.replace("[", "[[]"))
