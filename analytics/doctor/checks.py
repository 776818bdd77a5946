"""What a check is, and how all of them are made."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from django.db import OperationalError

from config.db import deadline
from config.db.routers import (
    ANALYTICS,
    MAIN,
)

CHECK_SECONDS = 5.0  # a database that is silent must not hold up the others
MAX_LENGTH = 200  # of what an error says
UNFORESEEN = "If migrations are to be made, make them; else this is a fault of the check."


class State(StrEnum):
    """How it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has found, and what to do about it unless that is well."""

    state: State
    found: str
    advice: str = ""


Check = Callable[[], Finding]
CHECKS: dict[str, Check] = {}


def check(name: str) -> Callable[[Check], Check]:
    """Register a check under a name."""

    def register(look: Check) -> Check:
        CHECKS[name] = look
        return look

    return register


def check_of_each_database(
    name: str,
) -> Callable[[Callable[[str], Finding]], Callable[[str], Finding]]:
    """Register a check of a database, which is given its alias, for both of them."""

    def register(look: Callable[[str], Finding]) -> Callable[[str], Finding]:
        for alias in (MAIN, ANALYTICS):
            CHECKS[f"{name} of {alias}"] = partial(look, alias)
        return look

    return register


def ok(found: str) -> Finding:
    """Return that all is well."""
    return Finding(State.OK, found)


def warn(found: str, advice: str) -> Finding:
    """Return what will become a trouble."""
    return Finding(State.WARN, found, advice)


def fail(found: str, advice: str) -> Finding:
    """Return what is a trouble."""
    return Finding(State.FAIL, found, advice)


def examine() -> Iterator[tuple[str, Finding]]:
    """Make all checks; one that raises has failed."""
    for name, look in CHECKS.items():
        try:
            with deadline.within(CHECK_SECONDS):
                finding = look()
        except OperationalError:
            finding = fail("needs a database that does not answer in time", "Mend that first.")
        except Exception as error:  # whatever it is, the other checks must be made
            finding = fail(f"cannot be checked: {said(error)}", UNFORESEEN)
        yield name, finding


def said(error: Exception) -> str:
    """Return what an error says, on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:MAX_LENGTH]}"
