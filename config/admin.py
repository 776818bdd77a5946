"""The form of the runtime settings, and the history of their changes."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget

from config import runtime
from config.models import ON, RuntimeSettings, SettingChange, SwitchField


class SwitchSelect(UnfoldAdminSelectWidget):
    """On or off; any other text that is stored or sent is off too, and is shown for what it is."""

    def optgroups(self, name: str, value: list[str], attrs: Any = None) -> Any:
        """Return the options, among them the stored text."""
        self.choices = [(ON, "On"), ("false", "Off")]
        self.choices += [(text, f'Off ("{text}")') for text in value if text not in {ON, "false"}]
        return super().optgroups(name, value, attrs)


class RuntimeSettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    """All settings; `changes` is what saving it made of them."""

    changes: list[SettingChange] | None = None


@admin.register(RuntimeSettings)
class RuntimeSettingsAdmin(ModelAdmin):
    """One row: the list leads to its form, and the history tells who changed what."""

    form = RuntimeSettingsForm
    # Not stripped: " true" is off, and must not become "true".
    formfield_overrides: ClassVar = {SwitchField: {"widget": SwitchSelect, "strip": False}}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> RuntimeSettings | None:
        return RuntimeSettings.load() if object_id == "1" else None

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect("admin:config_runtimesettings_change", 1)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        history = self.admin_site.get_model_admin(SettingChange)
        return history.changelist_view(request, {"title": "History of the runtime settings"})

    def save_model(
        self, request: HttpRequest, obj: RuntimeSettings, form: RuntimeSettingsForm, change: bool
    ) -> None:
        values = {name: getattr(obj, name) for name in form.changed_data}
        form.changes = obj.change(values, changed_by=request.user.get_username())
        runtime.forget()

    def construct_change_message(
        self, request: HttpRequest, form: RuntimeSettingsForm, formsets: Any, add: bool = False
    ) -> Any:
        return "; ".join(map(str, form.changes or [])) or []  # [] is Django's "No fields changed"


@admin.register(SettingChange)
class SettingChangeAdmin(ModelAdmin):
    """Who changed which setting, newest first; nothing to edit."""

    list_display = ("changed_at", "name", "old", "new", "changed_by")
    list_display_links = None
    list_filter = ("name",)
    search_fields = ("changed_by",)
    show_full_result_count = False
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let everybody see the history who sees the settings."""
        return self.admin_site.get_model_admin(RuntimeSettings).has_view_permission(request)
