"""Filters of the lists of streams: the time, and those that each stream adds."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpRequest
from django.utils import timezone
from unfold.widgets import INPUT_CLASSES, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from analytics.streams.base import Stream

PERIODS = {
    "hour": ("Last hour", timedelta(hours=1)),
    "day": ("Last 24 hours", timedelta(days=1)),
    "week": ("Last 7 days", timedelta(days=7)),
    "month": ("Last 30 days", timedelta(days=30)),
}


class DayField(forms.DateField):
    """A day in UTC, within the range of ids."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"type": "date", "class": " ".join(INPUT_CLASSES)}
        super().__init__(
            required=False,
            input_formats=["%Y-%m-%d"],
            widget=forms.DateInput(attrs=attrs, format="%Y-%m-%d"),
            validators=[MinValueValidator(date(1970, 1, 1)), MaxValueValidator(date(9998, 1, 1))],
            **kwargs,
        )


def choice_filter(
    choices: Iterable[tuple[str, Any]], label: str | None = None
) -> forms.ChoiceField:
    """Return a filter by one of some values."""
    return forms.ChoiceField(
        required=False,
        label=label,
        choices=[("", "Any"), *choices],
        widget=UnfoldAdminSelectWidget(),
    )


def text_filter(label: str, *, strip: bool = False) -> forms.CharField:
    """Return a filter by a text, which rows may hold with spaces around it."""
    return forms.CharField(
        required=False, strip=strip, label=label, widget=UnfoldAdminTextInputWidget()
    )


class StreamFilterForm(forms.Form):
    """The filters of a stream; subclasses add fields and the QuerySet methods that apply them."""

    methods: ClassVar[Mapping[str, str]] = {}  # by field

    period = choice_filter(((name, label) for name, (label, _) in PERIODS.items()), "Time")
    since = DayField(label="From day (UTC)")
    until = DayField(label="To day (UTC), inclusive")

    def filter_queryset(self, rows: Any) -> Any:
        """Return the rows that pass all filters that are set."""
        chosen = self.cleaned_data
        if chosen["period"]:
            rows = rows.between(timezone.now() - PERIODS[chosen["period"]][1])
        if chosen["since"]:
            rows = rows.between(_midnight(chosen["since"]))
        if chosen["until"]:
            rows = rows.between(None, _midnight(chosen["until"] + timedelta(days=1)))
        for name, method in self.methods.items():
            if chosen[name]:
                rows = getattr(rows, method)(chosen[name])
        return rows


class StreamFilter(admin.ListFilter):
    """The whole filter form of a stream, as one filter of Django's admin."""

    title = "filters"
    template = "unfold/filters/filters_field.html"

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: type[Stream], model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        names = [name for name in model_admin.filter_form.base_fields if name in params]
        self.used_parameters = {name: params.pop(name)[-1] for name in names}
        self.form: StreamFilterForm = model_admin.filter_form(self.used_parameters)

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(self.form.fields)

    def choices(self, changelist: Any) -> Any:
        yield {"form": self.form}

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Return the rows that pass; none, with messages, if a filter is invalid."""
        if self.form.is_valid():
            return self.form.filter_queryset(queryset)
        for name, errors in self.form.errors.items():
            messages.error(request, f"{self.form[name].label}: {' '.join(map(str, errors))}")
        return queryset.none()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
