"""The funnel events of users, as staff look at them."""

from typing import Any, ClassVar

from django.contrib import admin
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from analytics.admin.filters import (
    StreamFilterForm,
    exactly,
)
from analytics.admin.formatting import (
    cut,
    link,
    pretty_json,
)
from analytics.admin.users import UsersStreamAdmin
from analytics.funnel.models import FunnelEvent


class FunnelFilterForm(StreamFilterForm):
    """Type of events, any text, and their time."""

    event_type = exactly("Exact type")
    field_order = ("event_type",)

    def narrow(self, rows: Any) -> Any:
        rows = super().narrow(rows)
        event_type = self.cleaned_data["event_type"]
        return rows.of_type(event_type) if event_type else rows


@admin.register(FunnelEvent)
class FunnelEventAdmin(UsersStreamAdmin):
    """What users did, step by step."""

    icon = "filter_alt"
    filter_form = FunnelFilterForm
    list_defer = ("event_data",)
    list_display = ("time", "who", "kind", "session")
    search_fields = ("session_id__by_hash",)
    search_help_text = "Exact email of the user, session or event id"
    fieldsets: ClassVar = [
        (None, {"fields": ["id", "time", "account", "event_type", "session"]}),
        ("Event data", {"fields": ["readable_data"]}),
    ]

    @admin.display(description="user")
    def who(self, event: Any) -> SafeString:
        """Return the email of the user, which leads to the user's events."""
        return link(f"?{urlencode({'q': event.email})}", cut(event.email))

    @admin.display(description="type")
    def kind(self, event: FunnelEvent) -> SafeString:
        return cut(event.event_type)

    @admin.display(description="session")
    def session(self, event: FunnelEvent) -> SafeString | str:
        """Return the id of the session, which leads to its events."""
        return self.search_link(event.session_id, limit=36)

    @admin.display(description="event data")
    def readable_data(self, event: FunnelEvent) -> SafeString:
        return pretty_json(event.event_data)
