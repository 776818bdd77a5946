"""`manage.py doctor`: find problems before they show by themselves."""

import json
import sys
from typing import Any

from django.core.checks import ERROR, WARNING, CheckMessage
from django.core.management.base import BaseCommand, CommandParser

from config.server import doctor

OK, WARN, FAIL, SKIP = "ok", "warn", "fail", "skip"
EXIT_CODES = {OK: 0, WARN: 1, FAIL: 2}


class Command(BaseCommand):
    help = (
        "Check databases, partitions, settings, disk and upkeep; change nothing. Exit code: 0 all "
        "is well, 1 something will become a trouble, 2 something is one."
    )
    requires_system_checks = ()  # those that fail are among the checks of the doctor

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--json", dest="as_json", action="store_true", help="write JSON, for machines"
        )

    def handle(self, *, as_json: bool, **options: Any) -> None:
        width = max(len(check.name) for check in doctor.checks())
        messages = []
        for message in doctor.run():
            messages.append(message)
            if not as_json and not doctor.is_skipped(message):
                self._write(message, width)
        skipped = [str(message.obj) for message in messages if doctor.is_skipped(message)]
        if skipped and not as_json:
            self.stdout.write(f"{SKIP}  {doctor.SKIPPED}: {', '.join(skipped)}")
        states = [state_of(message) for message in messages]
        worst = max(states, key=lambda state: EXIT_CODES.get(state, 0))
        self.stdout.write(_as_json(worst, messages) if as_json else _summary(states))
        if worst != OK:
            sys.exit(EXIT_CODES[worst])

    def _write(self, message: CheckMessage, width: int) -> None:
        styles = {OK: self.style.SUCCESS, WARN: self.style.WARNING, FAIL: self.style.ERROR}
        state = state_of(message)
        self.stdout.write(f"{styles[state](f'{state:<4}')}  {message.obj:<{width}}  {message.msg}")
        if message.hint:
            self.stdout.write(f"{'':<4}  {'':<{width}}  {message.hint}")


def state_of(message: CheckMessage) -> str:
    if doctor.is_skipped(message):
        return SKIP
    return FAIL if message.level >= ERROR else WARN if message.level >= WARNING else OK


def _as_json(worst: str, messages: list[CheckMessage]) -> str:
    checks = [
        {
            "name": message.obj,
            "id": message.id,
            "state": state_of(message),
            "found": message.msg,
            "advice": message.hint,
        }
        for message in messages
    ]
    return json.dumps({"state": worst, "checks": checks}, indent=2)


def _summary(states: list[str]) -> str:
    counts = [f"{states.count(state)} {state}" for state in EXIT_CODES]
    skipped = [f"{states.count(SKIP)} skipped"] if SKIP in states else []
    return f"{len(states)} checks: {', '.join(counts + skipped)}."
