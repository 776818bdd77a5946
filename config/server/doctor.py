"""The checks of `manage.py doctor`: Django's system checks, in a registry of their own.

They ask the databases and the machine, and those in Django's registry run before every command.
Each returns one message about its subject: Info when all is well, Warning or Error with a hint.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from django.core.checks import CheckMessage, Debug, Error
from django.core.checks import messages as levels
from django.core.checks.registry import CheckRegistry
from django.db import OperationalError

from config.db import deadline
from config.db.routers import ANALYTICS, MAIN

REGISTRY = CheckRegistry()
CHECK_SECONDS = 5.0  # a database that does not respond must not delay the other checks for long
MAX_ERROR_LENGTH = 200
ANSWER = 201, 202  # the checks without which those of a database cannot be made
SKIPPED = "needs a database that does not answer"
UNFORESEEN = "If migrations are to be made, make them; else this is a fault of the check."

Examine = Callable[[], CheckMessage]
ExamineDatabase = Callable[[str], CheckMessage]


@dataclass(eq=False)  # the registry keeps them in a set
class Check:
    """A system check of one subject, isolated from all others."""

    name: str
    number: int
    examine: Examine
    alias: str | None = None  # of the database that it is of
    tags: Sequence[str] = ()

    def __call__(self, *, away: Collection[str] = (), **kwargs: Any) -> list[CheckMessage]:
        """Return the message of the check, an Error if it raises or takes too long.

        away: databases that do not answer; what needs them is skipped.
        """
        try:
            with deadline.within(CHECK_SECONDS):
                message = Debug(SKIPPED) if self.alias in away else self.examine()
        except OperationalError:
            hint = "Mend that first."
            message = Debug(SKIPPED) if away else Error(f"{SKIPPED} in time", hint=hint)
        except Exception as error:  # whatever it is, the other checks must run
            message = Error(f"cannot be checked: {describe_error(error)}", hint=UNFORESEEN)
        message.obj = self.name
        message.id = f"millrace.{_letter(message)}{self.number}"
        return [message]


def check(
    name: str, number: int, tag: str, alias: str | None = None
) -> Callable[[Examine], Examine]:
    """Register a check; its ids are millrace.I<number>, .W, .E, and .S when it is skipped."""

    def register(examine: Examine) -> Examine:
        REGISTRY.register(Check(name, number, examine, alias), tag)
        return examine

    return register


def database_check(name: str, number: int) -> Callable[[ExamineDatabase], ExamineDatabase]:
    """Register a check of each database, given its alias; the second one has the next number."""

    def register(examine: ExamineDatabase) -> ExamineDatabase:
        for offset, alias in enumerate((MAIN, ANALYTICS)):
            register_one = check(f"{name} of {alias}", number + offset, "databases", alias)
            register_one(partial(examine, alias))
        return examine

    return register


def checks() -> list[Check]:
    found = cast("set[Check]", REGISTRY.registered_checks)
    return sorted(found, key=lambda each: (each.number not in ANSWER, each.number))


def run() -> Iterator[CheckMessage]:
    """Run all checks; yield the message of each as soon as it is there.

    One cause is an Error once: what cannot be checked for it is skipped.
    """
    away: dict[str, str] = {}  # databases, and why
    for each in checks():
        [message] = each(away=away)
        if each.number in ANSWER and each.alias and message.is_serious():
            is_known = message.msg in away.values()
            away[each.alias] = message.msg
            if is_known:  # both databases are of one server
                [message] = each(away=away)
        yield message


def describe_error(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:MAX_ERROR_LENGTH]}"


def is_skipped(message: CheckMessage) -> bool:
    return message.level == levels.DEBUG


def _letter(message: CheckMessage) -> str:
    if is_skipped(message):
        return "S"
    return "E" if message.is_serious() else "W" if message.level >= levels.WARNING else "I"
