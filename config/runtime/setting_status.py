"""Runtime settings with their last changes, for people."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Field

from config.api.registry import BY_SWITCH
from config.models import ON, RuntimeSettings, SettingChange, SwitchField


@dataclass(frozen=True, slots=True)
class SettingStatus:
    """A setting: its value now, when a switch turns back, its last change if there was any."""

    field: "Field[Any, Any]"
    value: Any
    until: datetime | None
    change: SettingChange | None

    @property
    def is_switch(self) -> bool:
        return isinstance(self.field, SwitchField)

    @property
    def is_on(self) -> bool:
        return bool(self.value == ON)

    @property
    def label(self) -> str:
        api = BY_SWITCH.get(self.field.name)
        return (api.name if api else str(self.field.verbose_name)).capitalize()

    @property
    def off(self) -> str:
        return self.field.off if isinstance(self.field, SwitchField) else ""


def setting_statuses() -> dict[str, SettingStatus]:
    """Return the status of every setting by its name, with two queries."""
    row = RuntimeSettings.load()
    changes = SettingChange.objects.latest_of_each()
    return {
        field.name: SettingStatus(
            field, getattr(row, field.name), row.end_of(field.name), changes.get(field.name)
        )
        for field in row.fields()
    }
