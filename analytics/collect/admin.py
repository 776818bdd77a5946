"""Collected events in the admin: what logged-in users did in their browsers."""

from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminEmailInputWidget

from analytics.admin.change_list import DATABASE_FAILURES, log_failure
from analytics.admin.columns import json_column, text_column
from analytics.admin.filters import StreamFilterForm, text_filter
from analytics.admin.formatting import filter_link, format_time, truncate
from analytics.admin.users import UserStreamAdmin, find_user_id
from analytics.collect.models import CollectedEvent, parse_id, public_id


class CollectFilterForm(StreamFilterForm):
    """Filters by type, user and time."""

    methods: ClassVar = {"event_type": "of_type", "user": "for_user"}

    event_type = text_filter("Exact type")
    user = forms.CharField(
        required=False, label="Email of the user", widget=UnfoldAdminEmailInputWidget()
    )
    field_order = ("event_type", "user")

    def clean_user(self) -> UUID | None:
        """Return the id of the user, who is in the other database."""
        email = self.cleaned_data["user"]
        user_id = find_user_id(email) if email else None
        if email and user_id is None:
            raise ValidationError("Nobody has this email.")
        return user_id


@admin.register(CollectedEvent)
class CollectedEventAdmin(UserStreamAdmin):
    """Collected events; above the list, today's number of them."""

    icon = "touch_app"
    filter_form = CollectFilterForm
    list_before_template = "admin/collected_events_today.html"
    list_defer = ("event_data",)
    list_display = ("time", "user_events", text_column("event_type", "type"), "public_id")
    search_ids = ("id", "user_id")
    search_help_text = "Exact event id (evt_...), user id, or email of the user"
    fieldsets: ClassVar = [
        (None, {"fields": ["id", "public_id", "time", "received", "account", "event_type"]}),
        ("Event data", {"fields": [json_column("event_data")]}),
        ("Address", {"fields": ["ip_hash"]}),
    ]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Add to the first page the counts of today, of the user of the filter or of all."""
        changes = super().get_changelist_instance(request)
        [filters] = changes.filter_specs
        if filters.form.is_valid() and not changes.newest_link:
            email, user_id = filters.form.data.get("user"), filters.form.cleaned_data["user"]
            changes.today = counts_of_today(user_id) | {"whose": email or "all users"}
        return changes

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find events by their public id, too."""
        term = str(parse_id(search_term.strip()) or search_term)
        return super().get_search_results(request, queryset, term)

    @admin.display(description="received (UTC)")
    def received(self, event: CollectedEvent) -> str:
        return format_time(event.received_at)

    @admin.display(description="user")
    def user_events(self, event: Any) -> SafeString:
        """Return the email, or the id of a deleted user, as a link to the user's events."""
        if event.email:
            return filter_link(event.email, user=event.email)
        return filter_link(str(event.user_id), q=event.user_id)

    @admin.display(description="public id")
    def public_id(self, event: CollectedEvent) -> SafeString:
        return truncate(public_id(event.id))


def counts_of_today(user_id: UUID | None) -> dict[str, Any]:
    """Return the number of events of each type today, of a user or of all, for the template."""
    events = CollectedEvent.objects.all()
    try:
        counts = (events.for_user(user_id) if user_id else events).counts_of_today()
    except DATABASE_FAILURES as error:
        return {"failure": log_failure(error)}
    return {"counts": [(type, f"{count:,}") for type, count in counts.items()]}
