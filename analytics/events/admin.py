"""Website events in the admin."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, JsonResponse
from django.urls import reverse_lazy
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminAutocompleteWidget

from analytics.admin.change_list import StreamAdmin
from analytics.admin.columns import json_column, search_column, text_column
from analytics.admin.filters import StreamFilterForm, choice_filter
from analytics.admin.formatting import EMPTY, filter_link, object_link, truncate
from analytics.events.models import Event, EventType
from config.db import uuid7
from websites.models import Website

MAX_SUGGESTIONS = 20


class WebsiteSelect(UnfoldAdminAutocompleteWidget):
    """A select of websites with autocompletion, since a list may be too long."""

    option_template_name = "django/forms/widgets/select_option.html"  # Unfold's drops the value

    def __init__(self) -> None:
        super().__init__({"data-ajax--url": reverse_lazy("admin:analytics_event_websites")})
        self.attrs["data-placeholder"] = "All"

    def optgroups(self, name: str, value: list[str], attrs: Any = None) -> Any:
        """Return no website and the selected one, by its id if it is deleted, as options."""
        self.choices = [("", "")]
        if id := uuid7.parse(value[0]):
            self.choices += [(value[0], str(Website.objects.filter(id=id).first() or id))]
        return super().optgroups(name, value, attrs)


def suggest_websites(request: HttpRequest, model_admin: StreamAdmin) -> JsonResponse:
    """Respond to the input of a WebsiteSelect in the form that select2 expects."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    term = request.GET.get("term", "").replace("\0", "")
    matches = Q(tracking_code=term) | Q(name__icontains=term) | Q(domain__icontains=term)
    websites = Website.objects.filter(matches).order_by("name", "id")[:MAX_SUGGESTIONS]
    results = [{"id": str(website.pk), "text": str(website)} for website in websites]
    return JsonResponse({"results": results, "pagination": {"more": False}})


class EventFilterForm(StreamFilterForm):
    """Filters by website, type and time."""

    methods: ClassVar = {"website": "of_website", "event_type": "of_type"}

    website = forms.UUIDField(required=False, widget=WebsiteSelect())
    event_type = choice_filter(EventType.choices, "Type")
    field_order = ("website", "event_type")


@admin.register(Event)
class EventAdmin(StreamAdmin):
    """Page views, clicks and custom events."""

    icon = "ads_click"
    filter_form = EventFilterForm
    list_defer = ("properties",)
    list_display = (
        *("time", "website_events", "event_type", text_column("url", "URL")),
        *(text_column("referrer", limit=22), "visitor_events", "device"),
    )
    search_fields = ("session_id__by_hash", "visitor_id__by_hash")
    search_help_text = "Exact session, visitor or event id"
    custom_urls = (("websites", "analytics_event_websites", suggest_websites),)
    fieldsets: ClassVar = [
        (None, {"fields": ["id", "time", "website", "event_type", "url", "referrer"]}),
        (
            "Visitor",
            {
                "fields": [
                    search_column("visitor_id", "visitor"),
                    search_column("session_id", "session"),
                ]
            },
        ),
        ("Device", {"fields": ["device_type", "browser", "os", "location"]}),
        ("Properties", {"fields": [json_column("properties")]}),
    ]

    def attach_related(self, rows: Sequence[Any]) -> None:
        websites = Website.objects.in_bulk({row.website_id for row in rows})
        for row in rows:
            row.website = websites.get(row.website_id)

    @admin.display(description="website")
    def website_events(self, event: Any) -> SafeString:
        """Return the name of the website as a link to its events."""
        name = event.website.name if event.website else "(deleted)"
        return filter_link(name, limit=20, website=event.website_id)

    @admin.display(description="website")
    def website(self, event: Any) -> str:
        """Return the website as a link to its page."""
        if event.website is None:
            return f"{event.website_id} (deleted)"
        return object_link(event.viewer, Website, event.website_id, str(event.website))

    @admin.display(description="visitor")
    def visitor_events(self, event: Event) -> str:
        return filter_link(event.visitor_id, limit=14, q=event.visitor_id)

    @admin.display(description="device")
    def device(self, event: Event) -> str:
        parts = [event.get_device_type_display(), event.browser]
        return truncate(", ".join(filter(None, parts)) or EMPTY, limit=20)
