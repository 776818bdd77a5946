"""Models of the project itself: runtime settings, daily salts, outcome counts."""

import secrets
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, ClassVar, Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction

from config.db import uuid7
from config.db.routers import ANALYTICS
from config.setting_changes import SettingChange

__all__ = ["DailySalt", "OutcomeCount", "RuntimeSettings", "SettingChange"]

ON = "true"
EXPIRED = "expired"  # `changed_by` of switches that turned back by themselves


def is_shorter(days: int, before: int) -> bool:
    """Return whether a retention deletes more than one before; 0 is for ever."""
    return bool(days) and (days < before or not before)


class SwitchField(models.CharField):  # type: ignore[type-arg]
    """A switch, stored as text: only the exact text `true` is on.

    off: what clients see while it is off, for people.
    opens: whether on lets others read what they may not read while it is off.
    """

    def __init__(self, off: str = "", *, opens: bool = False, **kwargs: Any) -> None:
        self.off, self.opens = off, opens
        super().__init__(**{"max_length": 16, "default": ON, "blank": True, **kwargs})


def _days(default: int, help_text: str) -> "models.PositiveIntegerField[int, int]":
    return models.PositiveIntegerField(
        default=default,
        validators=[MaxValueValidator(36_500)],
        help_text=f"{help_text} 0 keeps them for ever.",
    )


class RuntimeSettings(models.Model):
    """The one row of runtime settings, which the service reads through `runtime.current()`."""

    staff_may: ClassVar = ("view", "change")  # websites/roles.py

    tracking_enabled = SwitchField(
        help_text="Takes funnel events, sessions and page views: the whole track API.",
        off="All six routes answer 200 as ever, new sessions and page views with a null id; "
        "nothing is stored.",
    )
    events_enabled = SwitchField(
        help_text="Takes the events of websites, single and in batches.",
        off="A single event gets its usual 201, with an id that leads nowhere; a batch says "
        "that 0 events were created; nothing is stored.",
    )
    activity_enabled = SwitchField(
        help_text="Takes activity events, and records the requests to all APIs.",
        off="The activity API answers 503 (ACTIVITY_RECORDER_UNAVAILABLE); no request to any API "
        "is recorded.",
    )
    platform_enabled = SwitchField(
        help_text="Takes platform events, single and in batches.",
        off="Posts get their usual 200, as if all were queued; nothing is stored.",
    )
    collect_enabled = SwitchField(
        help_text="Takes collected events, single and in batches.",
        off="Posts get their usual 200, ids included; nothing is stored.",
    )
    public_event_reads = SwitchField(
        help_text="Lets anyone who knows a tracking code read the events of its website.",
        off="Only the owner of a website reads its events, with a token; everyone else gets 404.",
        opens=True,
    )
    registration_enabled = SwitchField(
        help_text="Lets anyone make an account, by the API and on the pages.",
        off="Registering answers 403 (Registration is closed), and no page leads there; staff add "
        "accounts in the admin.",
    )
    platform_stats_public = SwitchField(
        help_text="Lets every account read the statistics of all platform events.",
        off="Only staff read them; everyone else gets 403.",
        opens=True,
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
    statistics_retention_days = models.PositiveIntegerField(
        default=0,
        validators=[MaxValueValidator(36_500)],
        help_text="Days that the statistics of websites are kept. 0: as long as their events.",
    )
    # Names of switches to ISO times, at which they turn back by themselves.
    ends = models.JSONField(default=dict, blank=True, editable=False)

    class Meta:
        verbose_name = "runtime settings"
        verbose_name_plural = "runtime settings"
        # Not in `staff_may`: what it allows cannot be undone.
        permissions: ClassVar = [
            ("expose_or_delete", "Can open reads to others, and shorten retention")
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(pk=1), name="runtime_settings_is_one_row")
        ]

    def __str__(self) -> str:
        return "Runtime settings"

    @classmethod
    def fields(cls) -> "list[models.Field[Any, Any]]":
        """Return the fields of all settings."""
        fields = cls._meta.concrete_fields
        return [field for field in fields if field.editable and not field.primary_key]

    @classmethod
    def names(cls) -> list[str]:
        return [field.name for field in cls.fields()]

    @classmethod
    def switches(cls) -> list[str]:
        return [field.name for field in cls.fields() if isinstance(field, SwitchField)]

    @classmethod
    def retention_names(cls) -> list[str]:
        return [name for name in cls.names() if name.endswith("_retention_days")]

    @classmethod
    def load(cls) -> Self:
        """Return the row as it is in force now, with defaults while there is none.

        A row with switches whose end has come is updated first, and the history with it.
        """
        row = cls.objects.filter(pk=1).first() or cls(pk=1)
        if not row._expired():
            return row
        with transaction.atomic(using="default"):
            row = cls._locked()
            row.save()
        return row

    @classmethod
    def _locked(cls) -> Self:
        """Return the row as it is in force now, locked, and record the switches that expired."""
        row = cls.objects.select_for_update().filter(pk=1).first() or cls(pk=1)
        SettingChange.objects.bulk_create(row.apply_expired())
        return row

    def apply_expired(self) -> "list[SettingChange]":
        """Turn the switches back whose end has come; return the changes, which are not stored."""
        changes = []
        for name, end in self._expired().items():
            old = getattr(self, name)
            setattr(self, name, "false" if old == ON else ON)
            del self.ends[name]
            changes.append(
                SettingChange(
                    id=uuid7.new_id(uuid7.to_ms(end)),
                    name=name,
                    old=old,
                    new=getattr(self, name),
                    changed_by=EXPIRED,
                    reason="The time it was set for is over.",
                )
            )
        return changes

    def end_of(self, name: str) -> datetime | None:
        return datetime.fromisoformat(self.ends[name]) if name in self.ends else None

    def _expired(self) -> dict[str, datetime]:
        now = uuid7.now()
        ends = {name: datetime.fromisoformat(text) for name, text in self.ends.items()}
        return {name: end for name, end in ends.items() if end <= now}

    def change(
        self,
        changes: dict[str, Any],
        *,
        changed_by: str,
        reasons: Mapping[str, str] | None = None,
        ends: Mapping[str, datetime] | None = None,
        confirmed: Collection[str] = (),
    ) -> "list[SettingChange]":
        """Store new values, and record in the history who changed what and why.

        `reasons` and `ends`, the times at which switches turn back, are those of some of the
        changes by name; `confirmed` names those whose effect somebody was shown. Raises
        ValidationError, with messages by field, and then changes nothing.
        """
        with transaction.atomic(using="default"):
            row = self._locked()
            before = {name: row._value_and_end(name) for name in changes}
            for name, value in changes.items():
                setattr(row, name, value)
                row.ends.pop(name, None)
            row.ends |= {name: end.isoformat() for name, end in (ends or {}).items()}
            row.full_clean(validate_constraints=False)
            row.save()
            made = [
                SettingChange(
                    name=name,
                    old=old,
                    new=str(getattr(row, name)),
                    until=row.end_of(name),
                    changed_by=changed_by,
                    reason=(reasons or {}).get(name, ""),
                    is_confirmed=name in confirmed,
                )
                for name, (old, end) in before.items()
                if (old, end) != row._value_and_end(name) or name in confirmed
            ]
            return SettingChange.objects.bulk_create(made)

    def _value_and_end(self, name: str) -> tuple[str, datetime | None]:
        return str(getattr(self, name)), self.end_of(name)


def _new_salt() -> bytes:
    return secrets.token_bytes(32)


class DailySalt(models.Model):
    """The key of the address hashes of one day in UTC (config/api/address_hash.py)."""

    home: ClassVar = ANALYTICS

    day = models.DateField(primary_key=True)
    value = models.BinaryField(default=_new_salt)

    def __str__(self) -> str:
        return f"Salt of {self.day}"


class OutcomeCountQuerySet(models.QuerySet["OutcomeCount"]):
    def since(self, start: datetime) -> "OutcomeCountQuerySet":
        return self.filter(slot__gte=start)


class OutcomeCount(models.Model):
    """The number of events with one outcome in one slot of time, in all processes together."""

    home: ClassVar = ANALYTICS

    pk = models.CompositePrimaryKey("slot", "api", "outcome", "reason")
    slot = models.DateTimeField(help_text="When it began.")
    api = models.CharField(max_length=16)
    outcome = models.CharField(max_length=16)
    reason = models.CharField(max_length=32, blank=True)
    events = models.BigIntegerField()

    objects = OutcomeCountQuerySet.as_manager()

    class Meta:
        db_table = "config_tally"  # its name from before, so that no table has to be renamed

    def __str__(self) -> str:
        return f"{self.events} {self.api} {self.outcome} {self.reason} in {self.slot}"
