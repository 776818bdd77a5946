"""Platform events, as staff look at them."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from analytics.admin.filters import (
    StreamFilterForm,
    any_of,
    exactly,
)
from analytics.admin.formatting import (
    NONE,
    cut,
    link,
    pretty_json,
)
from analytics.admin.users import UsersStreamAdmin
from analytics.platform.models import (
    Category,
    PlatformEvent,
    Priority,
)
from config.db import uuid7


class PlatformFilterForm(StreamFilterForm):
    """Category, priority and name of events, and their time."""

    category = any_of(Category.choices)
    priority = any_of(Priority.choices)
    event_name = exactly("Exact name")
    field_order = ("category", "priority", "event_name")

    def narrow(self, rows: Any) -> Any:
        rows = super().narrow(rows)
        chosen = self.cleaned_data
        if chosen["category"]:
            rows = rows.of_category(chosen["category"])
        if chosen["priority"]:
            rows = rows.filter(priority=chosen["priority"])
        return rows.named(chosen["event_name"]) if chosen["event_name"] else rows


@admin.register(PlatformEvent)
class PlatformEventAdmin(UsersStreamAdmin):
    """What users of a product did, and how it served them."""

    icon = "hub"
    filter_form = PlatformFilterForm
    list_defer = ("properties",)
    list_display = ("time", "who", "event", "about", "weight", "page")
    search_help_text = "Exact email or id of the user, or event id"
    fieldsets: ClassVar = [
        (None, {"fields": ["id", "time", "account", "event_name", "category", "priority"]}),
        ("Client", {"fields": ["session_id", "client_id", "page_url", "referrer", "user_agent"]}),
        ("Properties", {"fields": ["readable_properties"]}),
    ]

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the event, or the events of the user, that an id or an email names.

        An id is looked up first: one condition for both kinds would sort all events of a user.
        """
        id = uuid7.parse(search_term.strip())
        if id and not PlatformEvent.objects.filter(id=id).exists():
            return queryset.for_user(id), False
        return super().get_search_results(request, queryset, search_term)

    @admin.display(description="user")
    def who(self, event: Any) -> SafeString:
        """Return the email of the user, which leads to the user's events."""
        term = event.email or event.user_id
        return link(f"?{urlencode({'q': term})}", cut(event.email or "(deleted)", limit=28))

    @admin.display(description="name")
    def event(self, event: PlatformEvent) -> SafeString:
        """Return the name, which leads to the events that have it."""
        name = event.event_name
        return link(f"?{urlencode({'event_name': name})}", cut(name, limit=28))

    @admin.display(description="category")
    def about(self, event: PlatformEvent) -> SafeString:
        return cut(event.get_category_display())

    @admin.display(description="priority")
    def weight(self, event: PlatformEvent) -> SafeString:
        return cut(event.get_priority_display())

    @admin.display(description="page")
    def page(self, event: PlatformEvent) -> SafeString:
        return cut(event.page_url or NONE)

    @admin.display(description="properties")
    def readable_properties(self, event: PlatformEvent) -> SafeString:
        return pretty_json(event.properties)
