"""By what staff narrow the list of a stream: its time, and what each stream adds."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

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
    """A day of UTC, in the range that ids can tell."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"type": "date", "class": " ".join(INPUT_CLASSES)}
        super().__init__(
            required=False,
            input_formats=["%Y-%m-%d"],
            widget=forms.DateInput(attrs=attrs, format="%Y-%m-%d"),
            validators=[MinValueValidator(date(1970, 1, 1)), MaxValueValidator(date(9998, 1, 1))],
            **kwargs,
        )


def any_of(choices: Iterable[tuple[str, Any]], label: str | None = None) -> forms.ChoiceField:
    """Return a filter of one of some values."""
    return forms.ChoiceField(
        required=False,
        label=label,
        choices=[("", "Any"), *choices],
        widget=UnfoldAdminSelectWidget(),
    )


def exactly(label: str) -> forms.CharField:
    """Return a filter of a text as it stands in the rows, spaces around it included."""
    return forms.CharField(
        required=False, strip=False, label=label, widget=UnfoldAdminTextInputWidget()
    )


class StreamFilterForm(forms.Form):
    """The filters of a stream; subclasses add theirs."""

    period = any_of(((name, label) for name, (label, _) in PERIODS.items()), "Time")
    since = DayField(label="From day (UTC)")
    until = DayField(label="To day (UTC), inclusive")

    def narrow(self, rows: Any) -> Any:
        """Return the rows that pass the filters; what is not chosen filters nothing."""
        chosen = self.cleaned_data
        if chosen["period"]:
            rows = rows.between(timezone.now() - PERIODS[chosen["period"]][1])
        if chosen["since"]:
            rows = rows.between(_midnight(chosen["since"]))
        if chosen["until"]:
            rows = rows.between(None, _midnight(chosen["until"] + timedelta(days=1)))
        return rows


class StreamFilter(admin.ListFilter):
    """The form of a stream's filters, as one filter of Django's admin."""

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
        """Return the rows that pass; none, with the reason said, when a filter has no sense."""
        if self.form.is_valid():
            return self.form.narrow(queryset)
        for name, errors in self.form.errors.items():
            messages.error(request, f"{self.form[name].label}: {' '.join(map(str, errors))}")
        return queryset.none()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
