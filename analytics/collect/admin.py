"""The interactions of logged-in browsers, as staff look at them."""

from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminEmailInputWidget

from analytics.admin.change_list import (
    DATABASE_FAILURES,
    explain,
)
from analytics.admin.filters import (
    StreamFilterForm,
    exactly,
)
from analytics.admin.formatting import (
    cut,
    link,
    pretty_json,
    to_the_second,
)
from analytics.admin.users import (
    UsersStreamAdmin,
    user_id_of,
)
from analytics.collect.models import (
    CollectedEvent,
    parse_id,
    public_id,
)


class CollectFilterForm(StreamFilterForm):
    """Type and user of events, and their time."""

    event_type = exactly("Exact type")
    user = forms.CharField(
        required=False, label="Email of the user", widget=UnfoldAdminEmailInputWidget()
    )
    field_order = ("event_type", "user")

    def clean_user(self) -> UUID | None:
        """Return the id of the user, who lives in the other database."""
        email = self.cleaned_data["user"]
        user_id = user_id_of(email) if email else None
        if email and user_id is None:
            raise ValidationError("Nobody has this email.")
        return user_id

    def narrow(self, rows: Any) -> Any:
        rows = super().narrow(rows)
        event_type, user_id = self.cleaned_data["event_type"], self.cleaned_data["user"]
        rows = rows.of_type(event_type) if event_type else rows
        return rows.for_user(user_id) if user_id else rows


@admin.register(CollectedEvent)
class CollectedEventAdmin(UsersStreamAdmin):
    """What logged-in users did in their browsers; above the list, how much of it today."""

    icon = "touch_app"
    filter_form = CollectFilterForm
    list_before_template = "admin/collected_events_today.html"
    list_defer = ("event_data",)
    list_display = ("time", "who", "kind", "public_id")
    search_ids = ("id", "user_id")
    search_help_text = "Exact event id (evt_...), user id, or email of the user"
    fieldsets: ClassVar = [
        (None, {"fields": ["id", "public_id", "time", "received", "account", "event_type"]}),
        ("Event data", {"fields": ["readable_data"]}),
        ("Address", {"fields": ["ip_hash"]}),
    ]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list; its first page with what there is today of one user, or of all."""
        changes = super().get_changelist_instance(request)
        [filters] = changes.filter_specs
        if filters.form.is_valid() and not changes.newest_link:
            email, user_id = filters.form.data.get("user"), filters.form.cleaned_data["user"]
            changes.today = today(user_id) | {"whose": email or "all users"}
        return changes

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return what is meant, also by the public id of an event."""
        term = str(parse_id(search_term.strip()) or search_term)
        return super().get_search_results(request, queryset, term)

    @admin.display(description="received (UTC)")
    def received(self, event: CollectedEvent) -> str:
        return to_the_second(event.received_at)

    @admin.display(description="user")
    def who(self, event: Any) -> SafeString:
        """Return the email, or of a deleted user the id, which leads to the user's events."""
        if event.email:
            return link(f"?{urlencode({'user': event.email})}", cut(event.email))
        return link(f"?{urlencode({'q': str(event.user_id)})}", cut(str(event.user_id)))

    @admin.display(description="type")
    def kind(self, event: CollectedEvent) -> SafeString:
        return cut(event.event_type)

    @admin.display(description="public id")
    def public_id(self, event: CollectedEvent) -> SafeString:
        return cut(public_id(event.id))

    @admin.display(description="event data")
    def readable_data(self, event: CollectedEvent) -> SafeString:
        return pretty_json(event.event_data)


def today(user_id: UUID | None) -> dict[str, Any]:
    """Return the counts of today of a user, or of all, as the page shows them."""
    events = CollectedEvent.objects.all()
    try:
        counts = (events.for_user(user_id) if user_id else events).counts_of_today()
    except DATABASE_FAILURES as error:
        return {"failure": explain(error)}
    return {"counts": [(type, f"{count:,}") for type, count in counts.items()]}
