"""What the service did, as staff look at it."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextInputWidget

from activity.models import ActivityEvent
from analytics.admin.filters import (
    StreamFilterForm,
    any_of,
)
from analytics.admin.formatting import (
    NONE,
    cut,
    link,
    pretty_json,
)
from analytics.admin.users import (
    UsersStreamAdmin,
    user_id_of,
)
from config.db import uuid7

STATUS_CLASSES = {"2": "2xx success", "3": "3xx redirect", "4": "4xx refused", "5": "5xx failed"}


class ActivityFilterForm(StreamFilterForm):
    """Type, user and status of activity, and its time."""

    event_type = forms.CharField(
        required=False, label="Exact type", widget=UnfoldAdminTextInputWidget()
    )
    user = forms.CharField(
        required=False, label="User (email or id)", widget=UnfoldAdminTextInputWidget()
    )
    status = any_of(STATUS_CLASSES.items())
    field_order = ("event_type", "user", "status")

    def clean_user(self) -> Any:
        """Return the id of the user that is meant, None for no filter."""
        text = self.cleaned_data["user"].strip()
        if not text:
            return None
        id = user_id_of(text) or uuid7.parse(text)  # rows outlive their users
        if id is None:
            raise forms.ValidationError("No user has this email.")
        return id

    def narrow(self, rows: Any) -> Any:
        rows = super().narrow(rows)
        chosen = self.cleaned_data
        if chosen["event_type"]:
            rows = rows.of_type(chosen["event_type"])
        if chosen["user"]:
            rows = rows.for_user(chosen["user"])
        if chosen["status"]:
            rows = rows.of_status_class(int(chosen["status"]))
        return rows


@admin.register(ActivityEvent)
class ActivityEventAdmin(UsersStreamAdmin):
    """Requests that the service answered, and what front ends told."""

    icon = "monitoring"
    filter_form = ActivityFilterForm
    list_defer = ("metadata",)
    list_display = ("time", "kind", "who", "method", "page", "status", "duration")
    search_fields = ("session_id__by_hash", "project_id__by_hash")
    search_help_text = "Exact email of the user, session, project or row id"
    fieldsets: ClassVar = [
        (None, {"fields": ["id", "time", "event_type", "method", "path"]}),
        ("Answer", {"fields": ["status", "duration"]}),
        ("Attribution", {"fields": ["account", "session", "project"]}),
        ("Metadata", {"fields": ["readable_metadata"]}),
    ]

    @admin.display(description="type")
    def kind(self, event: ActivityEvent) -> SafeString:
        """Return the type, which leads to all of its rows."""
        return link(f"?{urlencode({'event_type': event.event_type})}", cut(event.event_type))

    @admin.display(description="user")
    def who(self, event: Any) -> SafeString | str:
        """Return the user, who leads to all that the user did."""
        if not event.user_id:
            return NONE
        name = event.email or event.user_id
        return link(f"?{urlencode({'user': name})}", cut(name, limit=24))

    @admin.display(description="path")
    def page(self, event: ActivityEvent) -> SafeString:
        return cut(event.path)

    @admin.display(description="status")
    def status(self, event: ActivityEvent) -> int:
        return event.status_code

    @admin.display(description="duration")
    def duration(self, event: ActivityEvent) -> str:
        return f"{event.duration_ms} ms"

    @admin.display(description="session")
    def session(self, event: ActivityEvent) -> SafeString | str:
        return self.search_link(event.session_id)

    @admin.display(description="project")
    def project(self, event: ActivityEvent) -> SafeString | str:
        return self.search_link(event.project_id)

    @admin.display(description="metadata")
    def readable_metadata(self, event: ActivityEvent) -> SafeString:
        return pretty_json(event.metadata)
