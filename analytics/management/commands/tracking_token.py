"""`manage.py tracking_token`: print the tracking token of a page."""

from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.sessions import tracking_tokens
from config.db import uuid7


class Command(BaseCommand):
    help = "Print the current tracking token of a page, which is valid for five minutes or more."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("bio_page_id", metavar="bioPageId", help="a UUID")

    def handle(self, *, bio_page_id: str, **options: Any) -> None:
        page = uuid7.parse(bio_page_id)
        if page is None:
            raise CommandError(f"'{bio_page_id}' is not a UUID.")
        try:
            self.stdout.write(tracking_tokens.token(page, datetime.now(UTC)))
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
