"""`manage.py settings`: list or change the runtime settings."""

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError, CommandParser

from config import runtime
from config.db import uuid7
from config.models import RuntimeSettings, SettingChange, SwitchField
from config.runtime.preview import PendingChange, preview
from config.server.console import shell_user
from config.setting_changes import MAX_REASON, MINUTE

UNCONFIRMED = (
    "Nobody has confirmed the shorter retention: the daily run deletes no more than half of a "
    "stream for it. Add --yes if that is meant."
)


class Command(BaseCommand):
    help = "List the runtime settings, or change those that are given, all of them or none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "changes", nargs="*", metavar="name=value", help="such as tracking_enabled=false"
        )
        parser.add_argument("--reason", default="", help="why, for the history")
        parser.add_argument("--until", help="when switches turn back, UTC: 2026-11-24T14:00")
        parser.add_argument(
            "--yes", action="store_true", help="confirm what a shorter retention is to delete"
        )

    def handle(
        self, *, changes: list[str], reason: str, until: str | None, yes: bool, **options: Any
    ) -> None:
        if not changes:
            return self.show()
        if len(reason) > MAX_REASON:
            raise CommandError(f"The reason has more than {MAX_REASON} characters.")
        values = dict(map(parse, changes))
        ends = dict.fromkeys(values, parse_end(until, values)) if until else {}
        confirmed = [name for name in values if name in RuntimeSettings.retention_names()]
        if not (yes or self._confirm(values)):
            confirmed = []
        changed = change(
            values, reasons=dict.fromkeys(values, reason), ends=ends, confirmed=confirmed
        )
        for each in changed:
            self.stdout.write(str(each))
        self.stdout.write(f"{len(changed)} changed.")

    def _confirm(self, values: dict[str, str]) -> bool:
        """Ask whether a shorter retention is meant; where nobody can be asked, it is not known."""
        row = RuntimeSettings.load()
        pending = [
            PendingChange(name, getattr(row, name), days)
            for name, value in values.items()
            if name in RuntimeSettings.retention_names()
            and (days := days_of(name, value)) is not None
        ]
        shorter = [change for change in pending if change.needs_confirmation]
        if not shorter:
            return False
        if not sys.stdin.isatty():
            self.stderr.write(UNCONFIRMED)
            return False
        for change in shorter:
            self.stdout.write(f"{change}. {preview(change)}")
        if input("Save this? Type yes: ") != "yes":
            raise CommandError("Nothing is changed.")
        return True

    def show(self) -> None:
        """Write the name, value and meaning of each setting."""
        row = RuntimeSettings.load()
        for field in row.fields():
            value = str(getattr(row, field.name)) or "(empty)"
            if end := row.end_of(field.name):
                value += f" until {end:{MINUTE}}"
            off = f" Off: {field.off}" if isinstance(field, SwitchField) else ""
            self.stdout.write(f"{field.name:<24} {value:<8} {field.help_text}{off}")


def parse(text: str) -> tuple[str, str]:
    """Return the name and value of a text like name=value, or analytics.name=value."""
    name, equals, value = text.partition("=")
    if not equals:
        raise CommandError(f"{text} is not of the form name=value.")
    name = name.removeprefix("analytics.")
    if name not in RuntimeSettings.names():
        raise CommandError(f"There is no setting {name}; manage.py settings lists them all.")
    return name, value


def days_of(name: str, value: str) -> int | None:
    """Return the valid number of days that will be stored for a text, None if it is refused."""
    field: Any = RuntimeSettings._meta.get_field(name)
    try:
        return int(field.clean(value, None))
    except ValidationError:
        return None


def parse_end(text: str, names: Iterable[str]) -> datetime:
    """Return a minute in UTC, in the future, at which these settings are to turn back."""
    try:
        end = datetime.strptime(text, "%Y-%m-%dT%H:%M").replace(tzinfo=UTC)
    except ValueError as error:
        raise CommandError(f"{text} is not of the form 2026-11-24T14:00.") from error
    if end <= uuid7.now():
        raise CommandError(f"{end:{MINUTE}} is not to come.")
    if numbers := set(names) - set(RuntimeSettings.switches()):
        raise CommandError(f"Only switches turn back, not {', '.join(sorted(numbers))}.")
    return end


def change(
    values: dict[str, str],
    *,
    reasons: dict[str, str],
    ends: dict[str, datetime],
    confirmed: list[str],
) -> list[SettingChange]:
    """Store new values on behalf of the user of the shell."""
    try:
        changed = RuntimeSettings.load().change(
            values, changed_by=shell_user(), reasons=reasons, ends=ends, confirmed=confirmed
        )
    except ValidationError as error:
        texts = (f"{name}: {' '.join(rules)}" for name, rules in error.message_dict.items())
        raise CommandError(" ".join(texts)) from error
    runtime.expire()
    return changed
