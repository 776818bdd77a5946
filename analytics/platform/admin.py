"""Platform events in the admin."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from analytics.admin.columns import json_column, text_column
from analytics.admin.filters import StreamFilterForm, choice_filter, text_filter
from analytics.admin.formatting import filter_link
from analytics.admin.users import UserStreamAdmin
from analytics.platform.models import Category, PlatformEvent, Priority
from config.db import uuid7


class PlatformFilterForm(StreamFilterForm):
    """Filters by category, priority, name and time."""

    methods: ClassVar = {
        "category": "of_category",
        "priority": "of_priority",
        "event_name": "named",
    }

    category = choice_filter(Category.choices)
    priority = choice_filter(Priority.choices)
    event_name = text_filter("Exact name")
    field_order = ("category", "priority", "event_name")


@admin.register(PlatformEvent)
class PlatformEventAdmin(UserStreamAdmin):
    """What users of a product did, and how it served them."""

    icon = "hub"
    filter_form = PlatformFilterForm
    list_defer = ("properties",)
    list_display = (
        *("time", "user_events", "name_events"),
        *(text_column("category"), text_column("priority"), text_column("page_url", "page")),
    )
    search_help_text = "Exact email or id of the user, or event id"
    fieldsets: ClassVar = [
        (None, {"fields": ["id", "time", "account", "event_name", "category", "priority"]}),
        ("Client", {"fields": ["session_id", "client_id", "page_url", "referrer", "user_agent"]}),
        ("Properties", {"fields": [json_column("properties")]}),
    ]

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the event with this id, or the events of the user with this id or email.

        An event is looked up first: one condition for both would sort all events of a user.
        """
        id = uuid7.parse(search_term.strip())
        if id and not PlatformEvent.objects.filter(id=id).exists():
            return queryset.for_user(id), False
        return super().get_search_results(request, queryset, search_term)

    @admin.display(description="user")
    def user_events(self, event: Any) -> SafeString:
        return filter_link(event.email or "(deleted)", limit=28, q=event.email or event.user_id)

    @admin.display(description="name")
    def name_events(self, event: PlatformEvent) -> SafeString:
        return filter_link(event.event_name, limit=28, event_name=event.event_name)
