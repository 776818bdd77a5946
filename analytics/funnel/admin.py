"""Funnel events in the admin."""

from typing import Any, ClassVar

from django.contrib import admin
from django.utils.safestring import SafeString

from analytics.admin.columns import json_column, search_column, text_column
from analytics.admin.filters import StreamFilterForm, text_filter
from analytics.admin.formatting import filter_link
from analytics.admin.users import UserStreamAdmin
from analytics.funnel.models import FunnelEvent


class FunnelFilterForm(StreamFilterForm):
    """Filters by type, which is any text, and time."""

    methods: ClassVar = {"event_type": "of_type"}

    event_type = text_filter("Exact type")
    field_order = ("event_type",)


@admin.register(FunnelEvent)
class FunnelEventAdmin(UserStreamAdmin):
    """What users did, step by step."""

    icon = "filter_alt"
    filter_form = FunnelFilterForm
    list_defer = ("event_data",)
    list_display = (
        *("time", "user_events", text_column("event_type", "type")),
        search_column("session_id", "session", limit=36),
    )
    search_fields = ("session_id__by_hash",)
    search_help_text = "Exact email of the user, session or event id"
    fieldsets: ClassVar = [
        (
            None,
            {
                "fields": [
                    *("id", "time", "account", "event_type"),
                    search_column("session_id", "session"),
                ]
            },
        ),
        ("Event data", {"fields": [json_column("event_data")]}),
    ]

    @admin.display(description="user")
    def user_events(self, event: Any) -> SafeString:
        return filter_link(event.email, q=event.email)
