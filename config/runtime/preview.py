"""What a change of a setting would have meant, in a sentence, before it is made."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError

from config.api import outcome_counts
from config.db import (
    deadline,
    uuid7,
)
from config.models import ON, worded
from config.runtime.setting_status import SWITCHES

HOUR = timedelta(hours=1)
ASKING_SECONDS = 2.0
UNKNOWN = "The analytics database does not answer, so that the effect cannot be told now."
UNUSED = "Nothing is stored yet that this setting is about."
UNMEASURED = {
    "public_event_reads": "Reads are not counted, so that the effect cannot be told beforehand.",
    "max_event_data_bytes": (
        "The sizes of events are not recorded, so that the effect cannot be told beforehand."
    ),
}
# What apps know of the settings that are theirs: a new value to a sentence.
estimates: dict[str, Callable[[Any], str]] = {}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A change that somebody is about to make; a switch may turn back at `until`."""

    name: str
    old: Any
    new: Any
    until: datetime | None = None

    def __str__(self) -> str:
        return worded(self.name, self.old, self.new, until=self.until)


def of(wanted: Wanted) -> str:
    """Return what a change would have meant."""
    if wanted.name in UNMEASURED:
        return UNMEASURED[wanted.name]
    try:
        with deadline.at_most(ASKING_SECONDS):
            if wanted.name in SWITCHES:
                return _of_switch(wanted)
            estimate = estimates.get(wanted.name)
            return estimate(wanted.new) if estimate else UNUSED
    except (DatabaseError, InterfaceError):
        return UNKNOWN


def _of_switch(wanted: Wanted) -> str:
    api = SWITCHES[wanted.name]
    was_on, is_on = wanted.old == ON, wanted.new == ON
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
