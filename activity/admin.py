"""What the service did, as staff look at it."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from activity.models import ActivityEvent
from analytics.cells import NONE, cut, link, link_for, pretty_json
from analytics.keyset import StreamAdmin, StreamFilterForm
from config import ids
from websites.models import User

STATUS_CLASSES = {"2": "2xx success", "3": "3xx redirect", "4": "4xx refused", "5": "5xx failed"}


class ActivityFilterForm(StreamFilterForm):
    """Type, user and status of activity, and its time."""

    event_type = forms.CharField(
        required=False, label="Exact type", widget=UnfoldAdminTextInputWidget()
    )
    user = forms.CharField(
        required=False, label="User (email or id)", widget=UnfoldAdminTextInputWidget()
    )
    status = forms.ChoiceField(
        required=False,
        choices=[("", "Any"), *STATUS_CLASSES.items()],
        widget=UnfoldAdminSelectWidget(),
    )
    field_order = ("event_type", "user", "status")

    def clean_user(self) -> Any:
        """Return the id of the user that is meant, None for no filter."""
        text = self.cleaned_data["user"].strip()
        if not text:
            return None
        user = User.objects.filter(email=text.lower()).first()
        id = user.pk if user else ids.parse(text)  # rows outlive their users
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
class ActivityEventAdmin(StreamAdmin):
    """Requests that the service answered, and what front ends told."""

    icon = "monitoring"
    filter_form = ActivityFilterForm
    list_defer = ("metadata",)
    list_display = ("time", "kind", "who", "method", "page", "status", "duration")
    search_fields = ("session_id__by_hash", "project_id__by_hash")
    search_help_text = "Exact session, project or row id"
    fieldsets: ClassVar = [
        (None, {"fields": ["id", "time", "event_type", "method", "path"]}),
        ("Answer", {"fields": ["status", "duration"]}),
        ("Subject", {"fields": ["account", "session", "project"]}),
        ("Metadata", {"fields": ["readable_metadata"]}),
    ]

    def complete(self, rows: Any) -> None:
        """Add the users of the rows, who are in the other database and may be gone."""
        user_ids = {row.user_id: ids.parse(row.user_id) for row in rows if row.user_id}
        users = User.objects.in_bulk([id for id in user_ids.values() if id])
        for row in rows:
            row.user = users.get(user_ids.get(row.user_id))

    @admin.display(description="type")
    def kind(self, event: ActivityEvent) -> SafeString:
        """Return the type, which leads to all of its rows."""
        return link(f"?{urlencode({'event_type': event.event_type})}", cut(event.event_type))

    @admin.display(description="user")
    def who(self, event: Any) -> SafeString | str:
        """Return the user, who leads to all that the user did."""
        if not event.user_id:
            return NONE
        name = event.user.email if event.user else event.user_id
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

    @admin.display(description="user")
    def account(self, event: Any) -> SafeString | str:
        if event.user:
            return link_for(event.reader, User, event.user.pk, event.user.email)
        return f"{event.user_id} (deleted)" if event.user_id else NONE

    @admin.display(description="session")
    def session(self, event: ActivityEvent) -> SafeString | str:
        return self.search_link(event.session_id)

    @admin.display(description="project")
    def project(self, event: ActivityEvent) -> SafeString | str:
        return self.search_link(event.project_id)

    @admin.display(description="metadata")
    def readable_metadata(self, event: ActivityEvent) -> SafeString:
        return pretty_json(event.metadata)
