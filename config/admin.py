"""Runtime settings in the admin: their form, its confirmation and the history."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from unfold import admin as unfold
from unfold.widgets import INPUT_CLASSES, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from config import runtime
from config.db import uuid7
from config.model_admin import ModelAdmin
from config.models import ON, RuntimeSettings, SettingChange, SwitchField
from config.runtime import preview
from config.runtime.preview import PendingChange
from config.runtime.setting_status import setting_statuses
from config.setting_changes import MAX_REASON, MINUTE

NOT_ALLOWED = (
    "You may not open reads to others or shorten retention: that takes a permission of its own, "
    "which an administrator can give you."
)


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


class ReasonField(forms.CharField):
    """Why a setting is changed; it may stay empty."""

    def __init__(self) -> None:
        widget = UnfoldAdminTextInputWidget({"placeholder": "May stay empty"})
        super().__init__(
            max_length=MAX_REASON, required=False, label="Reason for a change", widget=widget
        )


class RuntimeSettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    """All settings, each with a reason, switches with an end; `changes` are set when it is saved.

    A change is what differs from what the form showed, so that one that was opened early does not
    undo what others changed meanwhile. What is not sent stays as it is, so that a script may send
    one setting alone. Its `reason` is that of all changes without one of their own.
    """

    reason = ReasonField()
    changes: list[SettingChange] | None = None
    may_expose_or_delete = True  # whether its user may; the admin sets it

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, status in setting_statuses().items():
            if name in self.fields:
                self.fields[name].help_text = render_to_string(
                    "admin/setting_status.html", {"status": status}
                )
            if status.is_switch:
                self.initial[f"{name}_until"] = status.until
        for field in self.fields.values():
            field.show_hidden_initial = not isinstance(field, ReasonField)
        if self.is_bound:
            now = {name: self.initial.get(name) for name in self.fields}
            shown = {self.add_initial_prefix(name): value for name, value in now.items()}
            self.data = now | shown | {name: self.data[name] for name in self.data}

    def clean(self) -> dict[str, Any]:
        """Require ends in the future, and the permission for what needs one."""
        cleaned = super().clean() or self.cleaned_data
        for name in RuntimeSettings.switches():
            end = cleaned.get(f"{name}_until")
            if end and f"{name}_until" in self.changed_data and end <= uuid7.now():
                self.add_error(f"{name}_until", "Choose a time to come.")
        if not self.may_expose_or_delete and not self.errors:
            for change in self.pending_changes():
                if change.needs_confirmation:
                    self.add_error(change.name, NOT_ALLOWED)
        return cleaned

    def pending_changes(self) -> list[PendingChange]:
        """Return the changes that a valid form requests.

        An end belongs to a value: a new value has none, unless the form sends a new end too.
        """
        changes = []
        for name in RuntimeSettings.names():
            has_new_end = f"{name}_until" in self.changed_data
            if name in self.changed_data or has_new_end:
                end = self.cleaned_data.get(f"{name}_until") if has_new_end else None
                old, new = self.initial[name], self.cleaned_data[name]
                reason = self.cleaned_data[f"{name}_reason"] or self.cleaned_data["reason"]
                old_end = self.initial.get(f"{name}_until")
                changes.append(PendingChange(name, old, new, end, reason, old_end))
        return changes

    def is_confirmed(self) -> bool:
        """Return whether these changes were confirmed, or none of them needs it."""
        changes = self.pending_changes()
        is_safe = not any(change.needs_confirmation for change in changes)
        return is_safe or self.data.get("confirmed") == self.fingerprint()

    def fingerprint(self) -> str:
        """Return a text that is equal for equal pending changes."""
        return repr(self.pending_changes())


# ModelAdmin accepts only fields that the class declares, so that __init__ would be too late.
RuntimeSettingsForm.declared_fields |= {
    f"{name}_until": EndField() for name in RuntimeSettings.switches()
} | {f"{name}_reason": ReasonField() for name in RuntimeSettings.names()}


class ReadOnlyAdmin(unfold.ModelAdmin):
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
    compressed_fields = False  # labels above fields: a switch, end and reason fit into one row

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> RuntimeSettings | None:
        return RuntimeSettings.load() if object_id == "1" else None

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        names, switches = RuntimeSettings.names(), RuntimeSettings.switches()
        rows: dict[str, Any] = {name: name for name in names}
        if self.has_change_permission(request):
            rows = {name: (name, f"{name}_reason") for name in names}
            rows |= {name: (name, f"{name}_until", f"{name}_reason") for name in switches}
        days = RuntimeSettings.retention_names()
        sizes = [name for name in names if name not in {*switches, *days}]
        return [
            ("Switches", {"fields": [rows[name] for name in switches]}),
            ("Sizes", {"fields": [rows[name] for name in sizes]}),
            ("Retention", {"fields": [rows[name] for name in days]}),
        ]

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Return the class of the form, made for this request."""
        form = super().get_form(request, obj, change=change, **kwargs)
        form.may_expose_or_delete = request.user.has_perm("config.expose_or_delete")
        return form

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect("admin:config_runtimesettings_change", 1)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        """Save changes; ask for confirmation first where they delete or open something."""
        if request.method == "POST" and object_id == "1" and self.has_change_permission(request):
            form = self.get_form(request, change=True)(
                request.POST, instance=RuntimeSettings.load()
            )
            if form.is_valid() and not form.is_confirmed():
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
            reasons={change.name: change.reason for change in pending},
            ends={change.name: change.until for change in pending if change.until},
            confirmed=[change.name for change in pending if change.needs_confirmation],
        )
        runtime.expire()
        for change_made in pending:
            messages.success(request, f"{change_made}. {preview.preview(change_made)}")

    def construct_change_message(
        self, request: HttpRequest, form: RuntimeSettingsForm, formsets: Any, add: bool = False
    ) -> Any:
        return "; ".join(map(str, form.changes or [])) or []  # [] is Django's "No fields changed"


@admin.register(SettingChange)
class SettingChangeAdmin(ReadOnlyAdmin, ModelAdmin):
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
