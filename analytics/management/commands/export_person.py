"""`manage.py export_person`: everything that is stored about a person."""

import os
from contextlib import nullcontext
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.people import export
from analytics.people.person import WEBSITE, WHO, NoPerson, Person, find
from config.server.console import stoppable


class Command(BaseCommand):
    help = (
        "Write everything that both databases hold about a person, a line of JSON for each row, "
        "without passwords and keys. It locks nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("person", help=WHO)
        parser.add_argument("--website", metavar="ID", help=WEBSITE)
        parser.add_argument("--output", metavar="FILE", help="a new file, for its owner alone")

    def handle(
        self, *, person: str, website: str | None, output: str | None, **options: Any
    ) -> None:
        found, rows = _find(person, website), 0
        with stoppable("Run it again."), _opened(output) as file:
            for line in export.lines(found):
                rows += 1
                if file:
                    file.write(line + b"\n")
                else:
                    self.stdout.write(line.decode())
        self.stderr.write(f"{rows:,} rows.")


def _opened(path: str | None) -> Any:
    if path is None:
        return nullcontext()
    try:
        file: BinaryIO = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except OSError as error:
        raise CommandError(f"{path} cannot be made: {error.strerror}") from error
    return file


def _find(person: str, website: str | None) -> Person:
    try:
        return find(person, website)
    except NoPerson as error:
        raise CommandError(str(error)) from error
