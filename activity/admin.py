"""Recorded requests in the admin."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.utils.safestring import SafeString

from activity.models import ActivityEvent
from analytics.admin.columns import json_column, search_column, text_column
from analytics.admin.filters import StreamFilterForm, choice_filter, text_filter
from analytics.admin.formatting import EMPTY, filter_link
from analytics.admin.users import UserStreamAdmin, find_user_id
from config.db import uuid7

STATUS_CLASSES = {"2": "2xx success", "3": "3xx redirect", "4": "4xx refused", "5": "5xx failed"}


class ActivityFilterForm(StreamFilterForm):
    """Filters by type, user, class of status and time."""

    methods: ClassVar = {"event_type": "of_type", "user": "for_user", "status": "of_status_class"}

    event_type = text_filter("Exact type", strip=True)
    user = text_filter("User (email or id)", strip=True)
    status = choice_filter(STATUS_CLASSES.items())
    field_order = ("event_type", "user", "status")

    def clean_user(self) -> Any:
        """Return the id of the user, None for all users."""
        text = self.cleaned_data["user"]
        if not text:
            return None
        id = find_user_id(text) or uuid7.parse(text)  # rows outlive their users
        if id is None:
            raise forms.ValidationError("No user has this email.")
        return id

    def clean_status(self) -> int | None:
        """Return the first digit of the status."""
        digit = self.cleaned_data["status"]
        return int(digit) if digit else None


@admin.register(ActivityEvent)
class ActivityEventAdmin(UserStreamAdmin):
    """Requests to this service, and events that front ends report."""

    icon = "monitoring"
    filter_form = ActivityFilterForm
    list_defer = ("metadata",)
    list_display = (
        *("time", "type_events", "user_events", "method"),
        *(text_column("path"), "status", "duration"),
    )
    search_fields = ("session_id__by_hash", "project_id__by_hash")
    search_help_text = "Exact email of the user, session, project or row id"
    fieldsets: ClassVar = [
        (None, {"fields": ["id", "time", "event_type", "method", "path"]}),
        ("Answer", {"fields": ["status", "duration"]}),
        (
            "Attribution",
            {
                "fields": [
                    "account",
                    search_column("session_id", "session"),
                    search_column("project_id", "project"),
                ]
            },
        ),
        ("Metadata", {"fields": [json_column("metadata")]}),
    ]

    @admin.display(description="type")
    def type_events(self, event: ActivityEvent) -> SafeString:
        return filter_link(event.event_type, event_type=event.event_type)

    @admin.display(description="user")
    def user_events(self, event: Any) -> SafeString | str:
        """Return the user as a link to the user's rows."""
        if not event.user_id:
            return EMPTY
        name = event.email or event.user_id
        return filter_link(name, limit=24, user=name)

    @admin.display(description="status")
    def status(self, event: ActivityEvent) -> int:
        return event.status_code

    @admin.display(description="duration")
    def duration(self, event: ActivityEvent) -> str:
        return f"{event.duration_ms} ms"
