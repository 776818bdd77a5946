"""Commands of manage.py: without the time limit of requests, repeated while a lock is held."""

import os
import re
import sys
import time

from django.core.management import execute_from_command_line, get_commands
from django.db import OperationalError
from psycopg.errors import DeadlockDetected, LockNotAvailable

from config.db import timeouts

PAUSES_SECONDS = (1, 2, 5, 10, 10, 10, 10, 10)
OUR_APPS = {"config", "websites", "analytics", "activity"}
REPEATABLE = {"migrate", "clearsessions", "flushexpiredtokens"}  # beside all of ours
AWAY = "A database does not answer; is the server running?"
NO_TEXT = "An argument is no valid text in the encoding of this terminal."
LOCKED = "Others hold a lock that it needs for too long; run it again in a quiet hour."
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def run(arguments: list[str]) -> None:
    """Run the command that the arguments name; exit with a message if a database lets it down."""
    if not all(map(_is_text, arguments)):
        sys.exit(NO_TEXT)
    timeouts.set_for_commands()
    try:
        for pause in PAUSES_SECONDS:
            try:
                return execute_from_command_line(arguments)
            except OperationalError as error:
                if not (_is_locked(error) and _is_repeatable(arguments[1])):
                    raise
                sys.stderr.write(f"It is tried again in {pause} s: {error}\n")
                time.sleep(pause)
        execute_from_command_line(arguments)
    except BrokenPipeError:
        # Whoever read the output has enough, as `head` has; at the exit there is more to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OperationalError as error:
        sys.exit(f"{LOCKED if _is_locked(error) else AWAY} {error}")


def _is_text(argument: str) -> bool:
    """Return whether an argument was valid bytes of its encoding, as all that is stored must be."""
    return not _SURROGATE.search(argument)


def _is_locked(error: OperationalError) -> bool:
    return isinstance(error.__cause__, LockNotAvailable | DeadlockDetected)


def _is_repeatable(command: str) -> bool:
    return command in REPEATABLE or get_commands().get(command) in OUR_APPS
