"""Funnel events in the admin."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from unfold.decorators import action

from analytics.admin.change_list import DATABASE_FAILURES, log_failure
from analytics.admin.columns import json_column, search_column, text_column
from analytics.admin.filters import StreamFilterForm, text_filter
from analytics.admin.formatting import filter_link
from analytics.admin.users import UserStreamAdmin
from analytics.funnel.dialect import DIALECT
from analytics.funnel.models import FunnelEvent
from analytics.funnel.user_funnel import USUAL_STEPS, user_funnel
from analytics.funnel.user_funnel_query import question_of
from config.api.errors import Invalid, StorageUnavailable
from config.db import uuid7
from config.server.capacity import STATISTICS


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

    actions_list = ("funnel",)

    @action(
        description="Funnel of users",
        icon="filter_alt",
        url_path="funnel",
        permissions=["view"],
    )
    def funnel(self, request: HttpRequest) -> HttpResponse:
        """Show how far users come in the steps that the query names."""
        status, context = funnel_context(request.GET)
        shared = self.admin_site.each_context(request)
        context |= {**shared, "opts": self.opts, "title": "Funnel of users"}
        return TemplateResponse(request, "admin/user_funnel.html", context, status=status)

    @admin.display(description="user")
    def user_events(self, event: Any) -> SafeString:
        return filter_link(event.email, q=event.email)


def funnel_context(query: QueryDict) -> tuple[int, dict[str, Any]]:
    """Return the status of the page of a funnel, and what it shows."""
    today = uuid7.now().date()
    asked = query.copy()
    if "events" in query:  # one a line, as a field of a form sends them
        asked.setlist("event", [line for line in asked.pop("events")[-1].splitlines() if line])
    for name in ("from", "to"):
        if not asked.get(name):
            asked.pop(name, None)  # the form sends them empty
    shown: dict[str, Any] = {
        "events": "\n".join(asked.getlist("event") or USUAL_STEPS),
        "first_day": asked.get("from", ""),
        "last_day": asked.get("to", ""),
    }
    try:
        question = question_of(asked, today)
        with STATISTICS.bounded():
            found = user_funnel(question)
    except Invalid as error:
        return 400, shown | {"problems": DIALECT.messages(error)}
    except (*DATABASE_FAILURES, StorageUnavailable) as error:
        return 503, shown | {"problems": [log_failure(error)]}
    days = {"first_day": str(question.first_day), "last_day": str(question.last_day)}
    return 200, shown | days | {"funnel": found}
