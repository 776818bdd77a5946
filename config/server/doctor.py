"""The checks of `manage.py doctor`: Django's system checks, in a registry of their own.

They ask the databases and the machine, and those in Django's registry run before every command.
Each returns one message about its subject: Info when all is well, Warning or Error with a hint.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from django.core.checks import CheckMessage, Error
from django.core.checks import messages as levels
from django.core.checks.registry import CheckRegistry
from django.db import OperationalError

from config.db import deadline
from config.db.routers import ANALYTICS, MAIN

REGISTRY = CheckRegistry()
CHECK_SECONDS = 5.0  # a database that does not respond must not delay the other checks for long
MAX_ERROR_LENGTH = 200
UNFORESEEN = "If migrations are to be made, make them; else this is a fault of the check."

Examine = Callable[[], CheckMessage]
ExamineDatabase = Callable[[str], CheckMessage]


@dataclass(eq=False)  # the registry keeps them in a set
class Check:
    """A system check of one subject, isolated from all others."""

    name: str
    number: int
    examine: Examine
    tags: Sequence[str] = ()

    def __call__(self, **kwargs: Any) -> list[CheckMessage]:
        """Return the message of the check, an Error if it raises or takes too long."""
        try:
            with deadline.within(CHECK_SECONDS):
                message = self.examine()
        except OperationalError:
            found = "needs a database that does not answer in time"
            message = Error(found, hint="Mend that first.")
        except Exception as error:  # whatever it is, the other checks must run
            message = Error(f"cannot be checked: {describe_error(error)}", hint=UNFORESEEN)
        message.obj = self.name
        message.id = f"millrace.{_letter(message)}{self.number}"
        return [message]


def check(name: str, number: int, tag: str) -> Callable[[Examine], Examine]:
    """Register a check; its ids are millrace.I<number>, .W<number> and .E<number>."""

    def register(examine: Examine) -> Examine:
        REGISTRY.register(Check(name, number, examine), tag)
        return examine

    return register


def database_check(name: str, number: int) -> Callable[[ExamineDatabase], ExamineDatabase]:
    """Register a check of each database, given its alias; the second one has the next number."""

    def register(examine: ExamineDatabase) -> ExamineDatabase:
        for offset, alias in enumerate((MAIN, ANALYTICS)):
            check(f"{name} of {alias}", number + offset, "databases")(partial(examine, alias))
        return examine

    return register


def checks() -> list[Check]:
    return sorted(cast("set[Check]", REGISTRY.registered_checks), key=lambda each: each.number)


def run() -> Iterator[CheckMessage]:
    """Run all checks; yield the message of each as soon as it is there."""
    for each in checks():
        yield from each()


def describe_error(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:MAX_ERROR_LENGTH]}"


def _letter(message: CheckMessage) -> str:
    return "E" if message.is_serious() else "W" if message.level >= levels.WARNING else "I"
