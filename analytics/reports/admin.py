"""Website sessions in the admin: what the events of a visitor make."""

from typing import ClassVar

from django import forms
from django.contrib import admin

from analytics.admin.change_list import StreamAdmin
from analytics.admin.columns import search_column, text_column
from analytics.admin.filters import StreamFilterForm
from analytics.events.admin import WebsiteSelect
from analytics.reports.models import WebsiteSession


class WebsiteSessionFilterForm(StreamFilterForm):
    """Filters by website and time."""

    methods: ClassVar = {"website": "of_website"}

    website = forms.UUIDField(required=False, widget=WebsiteSelect())
    field_order = ("website",)


@admin.register(WebsiteSession)
class WebsiteSessionAdmin(StreamAdmin):
    """Sessions of the visitors of websites."""

    icon = "footprint"
    filter_form = WebsiteSessionFilterForm
    list_display = (
        *("time", text_column("entry_page", limit=28), text_column("source", limit=20)),
        *(text_column("country", limit=4), text_column("browser", limit=16)),
        *("page_views", "custom_events"),
    )
    search_fields = ("session_id__by_hash",)
    search_help_text = "Exact session id"
    fieldsets: ClassVar = [
        (None, {"fields": ["id", "time", search_column("session_id", "session")]}),
        ("Visit", {"fields": ["entry_page", "exit_page", "page_views", "custom_events"]}),
        ("Origin", {"fields": ["source", "channel", "referrer"]}),
        ("Device", {"fields": ["country", "browser", "os", "device", "language", "screen"]}),
    ]
