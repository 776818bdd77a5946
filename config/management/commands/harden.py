"""`manage.py harden`: the runtime settings that a company would choose"""

from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from config import runtime
from config.models import RuntimeSettings
from config.runtime import hardening, preview
from config.runtime.preview import PendingChange
from config.server.console import columns, shell_user
from config.setting_changes import MINUTE

REASON = "manage.py harden"
NOT_ASKED = "Nothing was changed. Without a terminal to ask at, pass --yes."


class Command(BaseCommand):
    help = (
        "Close registration, make reads and statistics private, and delete rows after a time. "
        "Shows each setting before and after, and asks. What is stricter already stays."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--dry-run", action="store_true", help="only show what would change")

    def handle(self, *, yes: bool, dry_run: bool, **options: Any) -> None:
        settings = hardening.hardened()
        changes = [each for each in settings if each.is_different]
        self._show(settings)
        if dry_run:
            self.stdout.write(f"{len(changes)} would be changed.")
            return
        if changes and not yes and not self._is_confirmed():
            raise CommandError("Nothing was changed.")
        values = {each.name: each.new for each in changes}
        RuntimeSettings.load().change(
            values,
            changed_by=shell_user(),
            reasons=dict.fromkeys(values, REASON),
            confirmed=[each.name for each in changes if each.needs_confirmation],
        )
        runtime.expire()
        self.stdout.write(f"{len(changes)} changed.")

    def _show(self, settings: list[PendingChange]) -> None:
        for line in columns([_row(each) for each in settings]):
            self.stdout.write(line)
        for each in settings:
            if each.is_different and each.needs_confirmation:
                self.stdout.write(f"{each.name}: {preview.preview(each)}")
        self.stdout.write("For the environment, the quotas as a start:")
        self.stdout.write(f"{hardening.ENVIRONMENT} {hardening.QUOTAS}")

    def _is_confirmed(self) -> bool:
        try:
            return input("Change these settings? [y/N] ").strip().lower() in {"y", "yes"}
        except (EOFError, OSError) as error:
            raise CommandError(NOT_ASKED) from error


def _row(change: PendingChange) -> tuple[str, ...]:
    end = f" until {change.old_until:{MINUTE}}" if change.old_until else ""
    return change.name, (str(change.old) or "(empty)") + end, "→", str(change.new)
