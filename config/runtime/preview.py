"""Effects of changes of runtime settings, estimated before they are made."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError

from config.api import outcome_counts
from config.api.registry import BY_SWITCH
from config.db import deadline, uuid7
from config.models import ON, RuntimeSettings, SwitchField, is_shorter
from config.setting_changes import describe_change

HOUR = timedelta(hours=1)
QUERY_SECONDS = 2.0
UNKNOWN = "The analytics database does not answer, so that the effect is not known now."
UNUSED = "Nothing is stored yet that this setting is about."
UNMEASURED = {
    "public_event_reads": "Reads are not counted, so that the effect is not known beforehand.",
    "platform_stats_public": "Reads are not counted, so that the effect is not known beforehand.",
    "registration_enabled": "Accounts that exist stay as they are.",
    "max_event_data_bytes": (
        "The sizes of events are not recorded, so that the effect is not known beforehand."
    ),
}
# Functions from a new value to its effect, by setting; apps add those of their settings.
estimates: dict[str, Callable[[Any], str]] = {}


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A change of a setting that is not made yet.

    A switch turns back at `until`; before the change it would have at `old_until`.
    """

    name: str
    old: Any
    new: Any
    until: datetime | None = None
    reason: str = ""
    old_until: datetime | None = None

    @property
    def is_different(self) -> bool:
        return (self.new, self.until) != (self.old, self.old_until)

    @property
    def needs_confirmation(self) -> bool:
        """Return whether this deletes something, or opens it to others, now or at its end."""
        field = RuntimeSettings._meta.get_field(self.name)
        if isinstance(field, SwitchField):
            return field.opens and self._opens()
        if self.name == "statistics_retention_days" and not self.new:
            return bool(self.old)  # as long as events, which may be shorter
        is_retention = self.name in RuntimeSettings.retention_names()
        return is_retention and is_shorter(self.new, self.old)

    def _opens(self) -> bool:
        """Return whether a switch will be on at some time at which it would have been off."""
        if self.new != ON:
            return self.until is not None and (self.old != ON or self.old_until is not None)
        if self.old != ON:
            return True
        return self.old_until is not None and (self.until is None or self.until > self.old_until)

    def __str__(self) -> str:
        return describe_change(self.name, self.old, self.new, until=self.until)


def preview(change: PendingChange) -> str:
    """Return the effect of a change as a sentence for people."""
    if change.name in UNMEASURED:
        return UNMEASURED[change.name]
    try:
        with deadline.within(QUERY_SECONDS):
            if change.name in BY_SWITCH:
                return _of_switch(change)
            estimate = estimates.get(change.name)
            return estimate(change.new) if estimate else UNUSED
    except (DatabaseError, InterfaceError):
        return UNKNOWN


def _of_switch(change: PendingChange) -> str:
    api = BY_SWITCH[change.name].name
    was_on, is_on = change.old == ON, change.new == ON
    if was_on == is_on:
        return f"It stays {'on' if is_on else 'off'}."
    sums = outcome_counts.sums(uuid7.now() - HOUR)
    if was_on:
        stored = sums[api, "stored", ""] + sums[api, "duplicate", ""]
        return f"It would have dropped {_events(stored)} that came in the last hour."
    dropped = sums[api, "dropped", "kill_switch"]
    return f"It would have kept {_events(dropped)} that the switch dropped in the last hour."


def _events(count: int) -> str:
    return f"{count:,} {'event' if count == 1 else 'events'}"
