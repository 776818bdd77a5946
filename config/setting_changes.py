"""History of the runtime settings"""

from datetime import datetime
from typing import Any, ClassVar

from django.db import models

from config.db import uuid7

MAX_REASON = 255
MINUTE = "%Y-%m-%d %H:%M UTC"  # format of times that are given to the minute


def describe_change(name: str, old: Any, new: Any, *, until: datetime | None) -> str:
    """Return the sentence about a change of a setting for people."""
    end = f" until {until:{MINUTE}}" if until else ""
    return f"{name}: {str(old) or '(empty)'} → {str(new) or '(empty)'}{end}"


class SettingChangeQuerySet(models.QuerySet["SettingChange"]):
    def latest_of_each(self) -> "dict[str, SettingChange]":
        """Return the last change of each setting, by name; none of settings never changed."""
        latest = self.order_by("name", "-id").distinct("name")
        return {change.name: change for change in latest}


class SettingChange(models.Model):
    """One change of one setting, for the history in the admin."""

    id = models.UUIDField(primary_key=True, default=uuid7.new_id_now, editable=False)
    name = models.CharField(max_length=64)
    old = models.CharField(max_length=64, blank=True)
    new = models.CharField(max_length=64, blank=True)
    until = models.DateTimeField(null=True, help_text="When it turns back by itself.")
    changed_by = models.CharField(
        max_length=255, help_text='An email, the user of a shell, or "expired".'
    )
    reason = models.CharField(max_length=MAX_REASON, blank=True)
    is_confirmed = models.BooleanField(
        "confirmed", default=False, help_text="By somebody who was shown what it deletes or opens."
    )

    objects = SettingChangeQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return describe_change(self.name, self.old, self.new, until=self.until)

    @property
    def changed_at(self) -> datetime:
        return uuid7.time_of(self.id)
