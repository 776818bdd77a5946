"""Runtime settings, one row that staff edit while the service runs, its history; daily salts."""

import secrets
from datetime import datetime
from typing import Any, ClassVar, Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction

from config import ids
from config.routers import ANALYTICS

ON = "true"


class SwitchField(models.CharField):  # type: ignore[type-arg]
    """A switch, stored as text: only the exact text `true` is on."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 16, "default": ON, "blank": True, **kwargs})


def _days(default: int, help_text: str) -> "models.PositiveIntegerField[int, int]":
    return models.PositiveIntegerField(
        default=default,
        validators=[MaxValueValidator(36_500)],
        help_text=f"{help_text} 0 keeps them for ever.",
    )


class RuntimeSettings(models.Model):
    """The one row of settings; `runtime.current()` is how the service reads it."""

    tracking_enabled = SwitchField(
        help_text="The whole track API. Off: requests get their usual answer, nothing is stored."
    )
    events_enabled = SwitchField(
        help_text="Website events. Off: posts get their usual answer, nothing is stored."
    )
    activity_enabled = SwitchField(
        help_text="The activity API and the recorder of requests. Off: the API answers 503."
    )
    platform_enabled = SwitchField(
        help_text="Platform events. Off: posts get their usual answer, nothing is stored."
    )
    collect_enabled = SwitchField(
        help_text="Collected events. Off: posts get their usual answer, nothing is stored."
    )
    public_event_reads = SwitchField(
        help_text="Whether anyone who knows a tracking code may read events. Off: only the owner."
    )
    max_event_data_bytes = models.PositiveIntegerField(
        default=10_000,
        validators=[MinValueValidator(2), MaxValueValidator(1_048_576)],
        help_text="Largest event data in bytes, from 2 to 1048576. Larger ones are refused.",
    )
    track_retention_days = _days(0, "Days that funnel events are kept.")
    session_retention_days = _days(0, "Days that sessions and page views are kept.")
    event_retention_days = _days(0, "Days that website events are kept.")
    activity_retention_days = _days(0, "Days that activity rows are kept.")
    platform_retention_days = _days(0, "Days that platform events are kept.")
    collect_retention_days = _days(90, "Days that collected events are kept.")

    class Meta:
        verbose_name = "runtime settings"
        verbose_name_plural = "runtime settings"
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(pk=1), name="runtime_settings_is_one_row")
        ]

    def __str__(self) -> str:
        return "Runtime settings"

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of all settings."""
        return [field.name for field in cls._meta.concrete_fields if not field.primary_key]

    @classmethod
    def load(cls) -> Self:
        """Return the row, or one with the defaults when there is none yet."""
        return cls.objects.filter(pk=1).first() or cls(pk=1)

    def change(self, changes: dict[str, Any], *, changed_by: str) -> "list[SettingChange]":
        """Validate and store new values, and record who changed what.

        Raises ValidationError, with a message for each bad value, and then changes nothing.
        """
        with transaction.atomic(using="default"):
            row = type(self).objects.select_for_update().filter(pk=1).first() or type(self)(pk=1)
            before = {name: getattr(row, name) for name in changes}
            for name, value in changes.items():
                setattr(row, name, value)
            row.full_clean(validate_constraints=False)
            row.save()
            made = [
                SettingChange(
                    name=name, old=str(old), new=str(getattr(row, name)), changed_by=changed_by
                )
                for name, old in before.items()
                if str(old) != str(getattr(row, name))
            ]
            return SettingChange.objects.bulk_create(made)


class SettingChange(models.Model):
    """One change of one setting: the history that the admin shows."""

    id = models.UUIDField(primary_key=True, default=ids.new_id_now, editable=False)
    name = models.CharField(max_length=64)
    old = models.CharField(max_length=64, blank=True)
    new = models.CharField(max_length=64, blank=True)
    changed_by = models.CharField(max_length=255, help_text="An email, or the user of a shell.")

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.name}: {self.old or '(empty)'} → {self.new or '(empty)'}"

    @property
    def changed_at(self) -> datetime:
        """When it was changed."""
        return ids.time_of(self.id)


def _new_salt() -> bytes:
    return secrets.token_bytes(32)


class DailySalt(models.Model):
    """The key of the marks of one day of UTC (config/salts.py); deleted for good soon after it."""

    home: ClassVar = ANALYTICS

    day = models.DateField(primary_key=True)
    value = models.BinaryField(default=_new_salt)

    def __str__(self) -> str:
        return f"Salt of {self.day}"
