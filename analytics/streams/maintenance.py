"""The last complete runs of maintenance commands."""

from typing import ClassVar, Self

from django.db import models
from django.utils import timezone

from config.db.routers import ANALYTICS


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
        """Record that a command has just completed, in place of its previous run."""
        values = {"finished_at": timezone.now(), "summary": summary}
        cls.objects.update_or_create(name=name, defaults=values)

    @classmethod
    def last(cls, name: str) -> Self | None:
        return cls.objects.filter(name=name).first()
