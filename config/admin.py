"""Runtime settings in the admin: their form, its confirmation and the history."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin
from unfold.widgets import INPUT_CLASSES, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from config import runtime
from config.db import uuid7
from config.models import MAX_REASON, MINUTE, ON, RuntimeSettings, SettingChange, SwitchField
from config.runtime import preview
from config.runtime.preview import PendingChange
from config.runtime.setting_status import setting_statuses


class SwitchSelect(UnfoldAdminSelectWidget):
    """A select of on and off; any other stored text is off too, and an option of its own."""

    def optgroups(self, name: str, value: list[str], attrs: Any = None) -> Any:
        self.choices = [(ON, "On"), ("false", "Off")]
        self.choices += [(text, f'Off ("{text}")') for text in value if text not in {ON, "false"}]
        return super().optgroups(name, value, attrs)


class EndField(forms.DateTimeField):
    """The minute in UTC at which a switch turns back by itself; empty for never."""

    def __init__(self) -> None:
        attrs = {"type": "datetime-local", "class": " ".join(INPUT_CLASSES)}
        super().__init__(
            required=False,
            label="Only until (UTC)",
            help_text="Then it turns back by itself. Empty: it stays.",
            input_formats=["%Y-%m-%dT%H:%M"],
            widget=forms.DateTimeInput(attrs=attrs, format="%Y-%m-%dT%H:%M"),
        )


class RuntimeSettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    """All settings, an end for each switch, and a reason; `changes` are set when it is saved."""

    reason = forms.CharField(
        max_length=MAX_REASON,
        required=False,
        help_text="Why you change this: the history keeps it, and the home page shows it.",
        widget=UnfoldAdminTextInputWidget(),
    )
    changes: list[SettingChange] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, status in setting_statuses().items():
            if name in self.fields:
                self.fields[name].help_text = render_to_string(
                    "admin/setting_status.html", {"status": status}
                )
            if status.is_switch:
                self.initial[f"{name}_until"] = status.until

    def clean(self) -> dict[str, Any]:
        """Require a reason for every change, and ends in the future."""
        cleaned = super().clean() or self.cleaned_data
        for name in RuntimeSettings.switches():
            end = cleaned.get(f"{name}_until")
            if end and f"{name}_until" in self.changed_data and end <= uuid7.now():
                self.add_error(f"{name}_until", "Choose a time to come.")
        if not self.errors and self.pending_changes() and not cleaned.get("reason"):
            self.add_error("reason", "Say why.")
        return cleaned

    def pending_changes(self) -> list[PendingChange]:
        """Return the changes that a valid form requests.

        An end belongs to a value: a new value has none, unless the form sends a new end too.
        """
        changes = []
        for name in RuntimeSettings.names():
            is_sent = not self.fields[name].widget.value_omitted_from_data(self.data, {}, name)
            is_new, has_new_end = name in self.changed_data, f"{name}_until" in self.changed_data
            if is_sent and (is_new or has_new_end):
                end = self.cleaned_data.get(f"{name}_until") if has_new_end else None
                old, new = self.initial[name], self.cleaned_data[name]
                changes.append(PendingChange(name, old, new, end))
        return changes

    def fingerprint(self) -> str:
        """Return a text that is equal for equal pending changes."""
        return repr(self.pending_changes())


# ModelAdmin accepts only fields that the class declares, so that __init__ would be too late.
RuntimeSettingsForm.declared_fields |= {
    f"{name}_until": EndField() for name in RuntimeSettings.switches()
}


class ReadOnlyAdmin(ModelAdmin):
    """An admin of rows that nobody may add, change or delete."""

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(RuntimeSettings)
class RuntimeSettingsAdmin(ModelAdmin):
    """One form in place of a list, with a confirmation and a history of its own."""

    form = RuntimeSettingsForm
    # " true" is off and must not become "true".
    formfield_overrides: ClassVar = {SwitchField: {"widget": SwitchSelect, "strip": False}}
    icon = "toggle_on"
    compressed_fields = False  # labels above fields: a switch and its end fit into one row

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> RuntimeSettings | None:
        return RuntimeSettings.load() if object_id == "1" else None

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        may_change = self.has_change_permission(request)
        switches = RuntimeSettings.switches()
        numbers = [name for name in RuntimeSettings.names() if name not in switches]
        rows = [(name, f"{name}_until") if may_change else name for name in switches]
        return [
            ("Switches", {"fields": rows}),
            ("Sizes", {"fields": [name for name in numbers if "retention" not in name]}),
            ("Retention", {"fields": [name for name in numbers if "retention" in name]}),
            *([("Reason", {"fields": ["reason"]})] if may_change else []),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect("admin:config_runtimesettings_change", 1)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        """Save changes that were confirmed; show the confirmation of all others."""
        if request.method == "POST" and object_id == "1" and self.has_change_permission(request):
            form = self.get_form(request, change=True)(
                request.POST, instance=RuntimeSettings.load()
            )
            if (
                form.is_valid()
                and form.pending_changes()
                and request.POST.get("confirmed") != form.fingerprint()
            ):
                return self.ask_confirmation(request, form)
        context = {"show_save_and_continue": False, **(extra_context or {})}
        return super().changeform_view(request, object_id, form_url, context)

    def ask_confirmation(self, request: HttpRequest, form: RuntimeSettingsForm) -> HttpResponse:
        """Return the page with the effects of the changes; hidden fields repeat the form."""
        statuses = setting_statuses()
        context = {
            **self.admin_site.each_context(request),
            "title": "Confirm the changes",
            "opts": self.opts,
            "changes": [
                (statuses[change.name], change, preview.preview(change))
                for change in form.pending_changes()
            ],
            "hidden_fields": [
                (name, value)
                for name, values in request.POST.lists()
                if name not in {"csrfmiddlewaretoken", "confirmed"}
                for value in values
            ],
            "confirmed": form.fingerprint(),
            "reason": form.cleaned_data["reason"],
        }
        return TemplateResponse(request, "admin/confirm_settings.html", context)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        history = self.admin_site.get_model_admin(SettingChange)
        return history.changelist_view(request, {"title": "History of the runtime settings"})

    def save_model(
        self, request: HttpRequest, obj: RuntimeSettings, form: RuntimeSettingsForm, change: bool
    ) -> None:
        pending = form.pending_changes()
        form.changes = obj.change(
            {change.name: change.new for change in pending},
            changed_by=request.user.get_username(),
            reason=form.cleaned_data["reason"],
            ends={change.name: change.until for change in pending if change.until},
        )
        runtime.expire()

    def construct_change_message(
        self, request: HttpRequest, form: RuntimeSettingsForm, formsets: Any, add: bool = False
    ) -> Any:
        return "; ".join(map(str, form.changes or [])) or []  # [] is Django's "No fields changed"


@admin.register(SettingChange)
class SettingChangeAdmin(ReadOnlyAdmin):
    """The history of the runtime settings, newest first and read-only."""

    list_display = ("time", "name", "old", "new", "end", "changed_by", "reason")
    list_display_links = None
    list_filter = ("name",)
    search_fields = ("changed_by", "reason")
    search_help_text = "Who, or why"
    icon = "history"

    @admin.display(description="time (UTC)")
    def time(self, change: SettingChange) -> str:
        return f"{change.changed_at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="until")
    def end(self, change: SettingChange) -> str:
        return f"{change.until:{MINUTE}}" if change.until else "-"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may view the settings, and so their history."""
        return self.admin_site.get_model_admin(RuntimeSettings).has_view_permission(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)
