"""What retention goes by: the time, which databases tell, and days that somebody meant.

A host with a wrong clock, and a main database that was restored from a backup with other settings,
must not delete what everybody wants to keep.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Self

import humanize
from django.db import models

from analytics.streams.base import Stream
from config.db import server_clock, uuid7
from config.db.routers import ANALYTICS, MAIN
from config.models import RuntimeSettings, SettingChange, is_shorter

MAX_SKEW = timedelta(hours=1)


class WrongClock(Exception):
    """The clock of this host, or that of a database, cannot be right."""


def trusted_now() -> datetime:
    """Return the time of the analytics database.

    Raises WrongClock if this host is more than an hour off either database.
    """
    times = {alias: server_clock.now(alias) for alias in (MAIN, ANALYTICS)}
    for alias, at in times.items():
        skew = uuid7.now() - at
        if abs(skew) > MAX_SKEW:
            side = "ahead of" if skew > timedelta(0) else "behind"
            raise WrongClock(
                f"The clock of this host is {humanize.precisedelta(skew, format='%d')} {side} that "
                f"of the database '{alias}'. Nothing is deleted until both are right."
            )
    return times[ANALYTICS]


class AppliedRetention(models.Model):
    """For how many days the last run kept a stream, 0 for ever.

    It lies beside the streams: a main database that is restored does not bring an older one back.
    """

    home: ClassVar = ANALYTICS

    stream = models.CharField(primary_key=True, max_length=64, help_text="Name of its model.")
    days = models.PositiveIntegerField()
    as_of = models.DateTimeField(help_text="When that run read the settings.")

    def __str__(self) -> str:
        return f"{self.stream}: {self.days} days"

    @classmethod
    def of(cls, model: type[Stream]) -> Self:
        """Return what was applied last; before the first run the defaults were."""
        name = str(model._meta.model_name)
        default = cls(stream=name, days=days_kept(model, RuntimeSettings()), as_of=uuid7.from_ms(0))
        return cls.objects.filter(pk=name).first() or default

    @classmethod
    def record(cls, model: type[Stream], days: int, as_of: datetime) -> None:
        cls.objects.update_or_create(
            stream=model._meta.model_name, defaults={"days": days, "as_of": as_of}
        )


@dataclass(frozen=True, slots=True)
class Shortening:
    """A setting that nobody confirmed, by which more than half of a stream would be deleted."""

    model: type[Stream]
    before: int  # days
    days: int
    rows: int
    share: float

    def __str__(self) -> str:
        before = f"{self.before} days" if self.before else "for ever"
        return (
            f"{self.model._meta.model_name} was kept {before}; {self.days} days would delete "
            f"{self.rows:,} rows, {self.share:.0%} of them"
        )


def days_kept(model: type[Stream], row: RuntimeSettings) -> int:
    """Return for how many days a stream is kept, 0 for ever."""
    days = getattr(row, model.retention_setting)
    return int(days or (model.retention_default and getattr(row, model.retention_default)) or 0)


def needs_confirmation(model: type[Stream], days: int) -> bool:
    """Return whether a stream is kept for fewer days than by the last run, and nobody said so.

    A confirmation of so many or fewer days counts if it came after that run.
    """
    applied = AppliedRetention.of(model)
    if not is_shorter(days, applied.days):
        return False
    names = [model.retention_setting, model.retention_default or model.retention_setting]
    confirmed = SettingChange.objects.filter(
        name__in=names, is_confirmed=True, id__gt=uuid7.floor(applied.as_of)
    )
    by_default = (model.retention_setting, "0") if model.retention_default else None
    return not any(
        0 < int(change.new) <= days or (change.name, change.new) == by_default
        for change in confirmed
    )
