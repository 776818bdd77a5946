"""`manage.py serve`: start the server, print its address, stop it at a signal."""

import io
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from config.db.embedded_postgres import EmbeddedPostgres
from config.db.postgres_programs import EmbeddedPostgresError
from config.server import continuous, daily, serving
from config.server.revival import Revival
from config.server.web_server import WebServer
from websites import first_run
from websites.tracker.snippet import script_line

FILL_DEMO = ".venv/bin/python manage.py demo_traffic"


class Command(BaseCommand):
    help = (
        "Start the server, and PostgreSQL where DATABASE_URL names none; Ctrl-C stops both. SIGHUP "
        "restarts the server with the code that is there then, without refusing a request."
    )

    def handle(self, **options: Any) -> None:
        try:
            server = WebServer()
            serving.handle_signals(on_hangup=server.request_restart)
            with serving.databases() as postgres:
                self._prepare()
                with (
                    daily.Maintenance() as maintenance,
                    continuous.Rollup() as rollup,
                    server,
                ):
                    self._print_addresses()
                    self._watch(server, postgres, maintenance, rollup)
        except (EmbeddedPostgresError, OperationalError, serving.ServingError) as error:
            raise CommandError(str(error)) from error

    def _watch(
        self,
        server: WebServer,
        postgres: EmbeddedPostgres | None,
        maintenance: daily.Maintenance,
        rollup: continuous.Rollup,
    ) -> None:
        children = maintenance, rollup
        watches = [Revival(postgres.revive).tick, postgres.limit_log] if postgres else []
        watches += [child.tick for child in children]
        try:
            server.wait_for_end(*watches, on_restart=rollup.restart)
        finally:
            for child in children:
                child.terminate()  # now, not only after gunicorn has stopped

    def _prepare(self) -> None:
        if settings.EMBEDDED:
            first_run.store_secret_key()
            for alias in settings.DATABASES:
                call_command("migrate", database=alias, interactive=False, verbosity=0)
        if serving.require_migrations():
            call_command("partitions", stdout=io.StringIO())
        if settings.EMBEDDED:
            password = first_run.create_admin_and_website(settings.ADMIN_PASSWORD)
            if password:
                notice = first_run.password_notice(password, is_terminal=self.stdout.isatty())
                self._print("Admin user", f"{first_run.ADMIN_EMAIL}  {notice}")

    def _print_addresses(self) -> None:
        self._print("Dashboard", serving.address())
        self._print("Admin", serving.address("/admin/"))
        website = first_run.oldest_website() if settings.EMBEDDED else None
        if website:
            self._print("Tracking code", website.tracking_code)
            url = serving.address("/api/v1/events")
            self._print("First event", first_run.curl_line(url, website.tracking_code))
            script = script_line(serving.address("/tracker.js"), website.tracking_code)
            self._print("For its pages", script)
            if first_run.demo_website():
                self._print("Made-up month", FILL_DEMO)
        self.stdout.write("Ready. Ctrl-C stops it.")
        self.stdout.flush()

    def _print(self, name: str, value: str) -> None:
        self.stdout.write(f"{name + ':':<14} {value}")
        self.stdout.flush()
