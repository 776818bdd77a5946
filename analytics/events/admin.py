"""The events of websites, as staff look at them."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, JsonResponse
from django.urls import reverse_lazy
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminAutocompleteWidget

from analytics.admin.change_list import StreamAdmin
from analytics.admin.filters import (
    StreamFilterForm,
    any_of,
)
from analytics.admin.formatting import (
    NONE,
    cut,
    link,
    link_for,
    pretty_json,
)
from analytics.events.models import Event, EventType
from config.db import uuid7
from websites.models import Website

SUGGESTED_WEBSITES = 20


class WebsiteSelect(UnfoldAdminAutocompleteWidget):
    """A website, found by typing: there may be too many for a list."""

    option_template_name = "django/forms/widgets/select_option.html"  # unfold's drops the value

    def __init__(self) -> None:
        super().__init__({"data-ajax--url": reverse_lazy("admin:analytics_event_websites")})
        self.attrs["data-placeholder"] = "All"

    def optgroups(self, name: str, value: list[str], attrs: Any = None) -> Any:
        """Return no website and the chosen one as the options; a deleted one shows its id."""
        self.choices = [("", "")]
        if id := uuid7.parse(value[0]):
            self.choices += [(value[0], str(Website.objects.filter(id=id).first() or id))]
        return super().optgroups(name, value, attrs)


def suggest_websites(request: HttpRequest, model_admin: StreamAdmin) -> JsonResponse:
    """Answer what is typed into a WebsiteSelect, in the form that select2 expects."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    term = request.GET.get("term", "").replace("\0", "")
    matches = Q(tracking_code=term) | Q(name__icontains=term) | Q(domain__icontains=term)
    websites = Website.objects.filter(matches).order_by("name", "id")[:SUGGESTED_WEBSITES]
    results = [{"id": str(website.pk), "text": str(website)} for website in websites]
    return JsonResponse({"results": results, "pagination": {"more": False}})


class EventFilterForm(StreamFilterForm):
    """Website and type of events, and their time."""

    website = forms.UUIDField(required=False, widget=WebsiteSelect())
    event_type = any_of(EventType.choices, "Type")
    field_order = ("website", "event_type")

    def narrow(self, rows: Any) -> Any:
        rows = super().narrow(rows)
        if website_id := self.cleaned_data["website"]:
            rows = rows.of_website(website_id)
        if event_type := self.cleaned_data["event_type"]:
            rows = rows.of_type(event_type)
        return rows


@admin.register(Event)
class EventAdmin(StreamAdmin):
    """Page views, clicks and custom events."""

    icon = "ads_click"
    filter_form = EventFilterForm
    list_defer = ("properties",)
    list_display = ("time", "site", "event_type", "page", "came_from", "visitor", "device")
    search_fields = ("session_id__by_hash", "visitor_id__by_hash")
    search_help_text = "Exact session, visitor or event id"
    custom_urls = (("websites", "analytics_event_websites", suggest_websites),)
    fieldsets: ClassVar = [
        (None, {"fields": ["id", "time", "website", "event_type", "url", "referrer"]}),
        ("Visitor", {"fields": ["visitor_events", "session_events"]}),
        ("Device", {"fields": ["device_type", "browser", "os", "location"]}),
        ("Properties", {"fields": ["readable_properties"]}),
    ]

    def complete(self, rows: Sequence[Any]) -> None:
        websites = Website.objects.in_bulk({row.website_id for row in rows})
        for row in rows:
            row.website = websites.get(row.website_id)

    @admin.display(description="website")
    def site(self, event: Any) -> SafeString:
        """Return the name of the website, which leads to its events."""
        name = event.website.name if event.website else "(deleted)"
        return link(f"?{urlencode({'website': event.website_id})}", cut(name, limit=20))

    @admin.display(description="website")
    def website(self, event: Any) -> str:
        if event.website is None:
            return f"{event.website_id} (deleted)"
        return link_for(event.reader, Website, event.website_id, str(event.website))

    @admin.display(description="URL")
    def page(self, event: Event) -> str:
        return cut(event.url)

    @admin.display(description="referrer")
    def came_from(self, event: Event) -> str:
        return cut(event.referrer or NONE, limit=22)

    @admin.display(description="visitor")
    def visitor(self, event: Event) -> str:
        return link(f"?{urlencode({'q': event.visitor_id})}", cut(event.visitor_id, limit=14))

    @admin.display(description="visitor")
    def visitor_events(self, event: Event) -> str:
        return self.search_link(event.visitor_id)

    @admin.display(description="session")
    def session_events(self, event: Event) -> str:
        return self.search_link(event.session_id)

    @admin.display(description="device")
    def device(self, event: Event) -> str:
        known = [event.get_device_type_display(), event.browser]
        return cut(", ".join(filter(None, known)) or NONE, limit=20)

    @admin.display(description="properties")
    def readable_properties(self, event: Event) -> str:
        return NONE if event.properties is None else pretty_json(event.properties)
