"""The sessions of visitors, each with its page views."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.safestring import SafeString

from analytics.admin.change_list import StreamAdmin
from analytics.admin.filters import (
    StreamFilterForm,
    any_of,
)
from analytics.admin.formatting import (
    NONE,
    cut,
    link_for,
    to_the_second,
)
from analytics.events.models import DeviceType
from analytics.sessions.models import PageView, Session
from websites.models import User

SHOWN_PAGE_VIEWS = 100
PAGE_VIEW_COLUMNS = (
    *("Time (UTC)", "Path", "Title", "Referrer"),
    *("Bio page", "Link clicked", "Duration", "Scrolled"),
)
UNKNOWN = "unknown"


class SessionFilterForm(StreamFilterForm):
    """Device and bounce of sessions, and their time."""

    device = any_of([*DeviceType.choices, (UNKNOWN, "Unknown")])
    bounced = any_of([("yes", "Yes"), ("no", "No")])
    field_order = ("device", "bounced")

    def narrow(self, rows: Any) -> Any:
        rows = super().narrow(rows)
        device = self.cleaned_data["device"]
        if device == UNKNOWN:
            rows = rows.filter(Q(device=None) | Q(device=""))
        elif device:
            rows = rows.filter(device=device)
        if bounced := self.cleaned_data["bounced"]:
            rows = rows.filter(bounced=bounced == "yes")
        return rows


@admin.register(Session)
class SessionAdmin(StreamAdmin):
    """Sessions; the visitor hash has no index, so that it cannot be searched."""

    icon = "schedule"
    filter_form = SessionFilterForm
    list_display = (
        *("time", "came_from", "landed_on", "seen_on", "place"),
        *("page_views", "is_bounced", "duration"),
    )
    search_ids = ("id", "user_id")
    search_help_text = "Exact session or user id"
    change_form_after_template = "admin/session_page_views.html"
    fieldsets: ClassVar = [
        (None, {"fields": ["id", "time", "last_active", "duration", "page_views", "is_bounced"]}),
        ("Visitor", {"fields": ["visitor_hash", "user", "country", "city"]}),
        ("Origin", {"fields": ["referrer_domain", "referrer", "landing_page", "bio_page_id"]}),
        (
            "Campaign",
            {"fields": ["utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"]},
        ),
        (
            "Device",
            {
                "fields": [
                    *("device", "browser", "os", "os_version", "screen"),
                    *("language", "timezone"),
                ]
            },
        ),
    ]

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Return the session with the table of its first page views."""
        session = super().get_object(request, object_id, from_field)
        if session:
            views = PageView.objects.of_session(session.pk).order_by("id")
            first = list(views[: SHOWN_PAGE_VIEWS + 1])
            session.has_more_views = len(first) > SHOWN_PAGE_VIEWS
            session.first_views = _table_of(first[:SHOWN_PAGE_VIEWS])
        return session

    @admin.display(description="last active (UTC)")
    def last_active(self, session: Session) -> str:
        return to_the_second(session.last_active_at)

    @admin.display(description="duration")
    def duration(self, session: Session) -> str:
        return str(timedelta(seconds=session.duration_seconds))

    @admin.display(description="bounced")
    def is_bounced(self, session: Session) -> str:
        return "Yes" if session.bounced else "No"  # a green tick would call it good

    @admin.display(description="referrer")
    def came_from(self, session: Session) -> str:
        return cut(session.referrer_domain, limit=20)

    @admin.display(description="landing page")
    def landed_on(self, session: Session) -> str:
        return cut(session.landing_page or NONE, limit=28)

    @admin.display(description="device")
    def seen_on(self, session: Session) -> str:
        known = [(session.device or "").capitalize(), session.browser]
        return cut(", ".join(filter(None, known)) or NONE, limit=22)

    @admin.display(description="country")
    def place(self, session: Session) -> str:
        return cut(session.country or NONE, limit=16)

    @admin.display(description="user")
    def user(self, session: Any) -> str | SafeString:
        """Return the user that the session was identified as, who may be gone."""
        if session.user_id is None:
            return NONE
        user = User.objects.filter(id=session.user_id).first()
        if user is None:
            return f"{session.user_id} (deleted)"
        return link_for(session.reader, User, user.pk, str(user))

    @admin.display(description="screen")
    def screen(self, session: Session) -> str:
        sizes = (session.screen_width, session.screen_height)
        return NONE if sizes == (None, None) else " x ".join(str(size or "?") for size in sizes)


def _table_of(views: Sequence[PageView]) -> dict[str, Any]:
    """Return page views as the table of unfold takes them."""
    rows = [
        (
            cut(to_the_second(view.created_at)),
            cut(view.path, limit=28),
            cut(view.title or NONE, limit=18),
            cut(view.referrer or NONE, limit=20),
            cut(str(view.bio_page_id or NONE), limit=10),
            cut(str(view.link_clicked or NONE), limit=10),
            NONE if view.duration_seconds is None else f"{view.duration_seconds:g} s",
            NONE if view.scroll_depth is None else f"{view.scroll_depth:g} %",
        )
        for view in views
    ]
    return {"headers": PAGE_VIEW_COLUMNS, "rows": [{"cols": cells} for cells in rows]}
