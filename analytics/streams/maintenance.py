"""Daily maintenance: the commands that run once a day for all hosts, and their last runs."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from io import StringIO
from typing import Any, ClassVar, Self

from django.core.management import CommandError, call_command
from django.db import connections, models
from django.utils import timezone

from config.db import uuid7
from config.db.routers import ANALYTICS
from config.server import logs
from config.server.console import INTERRUPTED

logger = logging.getLogger(__name__)
COMMANDS: dict[str, dict[str, Any]] = {"partitions": {}, "retention": {"only_confirmed": True}}


class AlreadyRunning(Exception):
    """Another process runs what only one at a time may run."""


class MaintenanceRun(models.Model):
    """The last complete run of one command."""

    home: ClassVar = ANALYTICS

    name = models.CharField(primary_key=True, max_length=32, help_text="Of the command.")
    finished_at = models.DateTimeField()
    summary = models.TextField()

    def __str__(self) -> str:
        return f"{self.name}, {self.finished_at:%Y-%m-%d %H:%M}"

    @classmethod
    def record(cls, name: str, summary: str) -> None:
        """Record that a command has just completed, in place of its previous run and failure."""
        values = {"finished_at": timezone.now(), "summary": summary}
        cls.objects.update_or_create(name=name, defaults=values)
        MaintenanceFailure.objects.filter(name=name).delete()

    @classmethod
    def last(cls, name: str) -> Self | None:
        return cls.objects.filter(name=name).first()

    @classmethod
    def is_due(cls, name: str) -> bool:
        """Return whether a command has not run to its end yet on this day of UTC."""
        run = cls.last(name)
        return run is None or run.finished_at.astimezone(UTC).date() < uuid7.now().date()


class MaintenanceFailure(models.Model):
    """The last run of one command that failed, unless a complete one has come after it."""

    home: ClassVar = ANALYTICS

    name = models.CharField(primary_key=True, max_length=32, help_text="Of the command.")
    failed_at = models.DateTimeField()
    reason = models.TextField()

    def __str__(self) -> str:
        return f"{self.name}, {self.failed_at:%Y-%m-%d %H:%M}: {self.reason}"

    @classmethod
    def record(cls, name: str, reason: str) -> None:
        """Record that a command has just failed, in place of its previous failure."""
        values = {"failed_at": timezone.now(), "reason": reason}
        cls.objects.update_or_create(name=name, defaults=values)


@contextmanager
def exclusive_run(name: str) -> Iterator[None]:
    """Hold the lock of a name for a block; raise AlreadyRunning if another process holds it."""
    with connections[ANALYTICS].cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [name])
        if cursor.fetchone() != (True,):
            raise AlreadyRunning(f"Another run of {name} is at work.")
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [name])


def run_due() -> bool:
    """Run the commands that are due, one after the other; return whether all have succeeded.

    Raises AlreadyRunning while another process does the same.
    """
    with exclusive_run("maintenance"):
        results = [_run(name) for name in COMMANDS if MaintenanceRun.is_due(name)]
    return all(results)


def _run(name: str) -> bool:
    """Run a command; log and record its summary, or its failure."""
    out, warnings = StringIO(), StringIO()
    try:
        call_command(name, stdout=out, stderr=warnings, **COMMANDS[name])
    except CommandError as error:
        if error.returncode == INTERRUPTED:
            raise
        return _fail(name, error)
    except Exception as error:  # whatever it is, the next command must run
        return _fail(name, error)
    for line in warnings.getvalue().splitlines():
        logger.warning("%s: %s", name, line)
    logger.info("%s: %s", name, out.getvalue().rstrip().rpartition("\n")[2])
    return True


def _fail(name: str, error: Exception) -> bool:
    logger.error("%s failed: %s", name, error, exc_info=error)
    MaintenanceFailure.record(name, logs.redact(logs.error_message(error)))
    return False
