"""Sessions in the admin, each with its page views."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.safestring import SafeString

from analytics.admin.change_list import StreamAdmin
from analytics.admin.columns import text_column
from analytics.admin.filters import StreamFilterForm, choice_filter
from analytics.admin.formatting import EMPTY, format_time, object_link, truncate
from analytics.events.models import DeviceType
from analytics.sessions.models import PageView, Session
from websites.models import User

MAX_PAGE_VIEWS = 100
MAX_URL = 2048  # characters of a tooltip; page views have no page of their own
PAGE_VIEW_COLUMNS = (
    *("Time (UTC)", "Path", "Title", "Referrer"),
    *("Bio page", "Link clicked", "Duration", "Scrolled"),
)
UNKNOWN = "unknown"


class SessionFilterForm(StreamFilterForm):
    """Filters by device, bounce and time."""

    device = choice_filter([*DeviceType.choices, (UNKNOWN, "Unknown")])
    bounced = choice_filter([("yes", "Yes"), ("no", "No")])
    field_order = ("device", "bounced")

    def filter_queryset(self, rows: Any) -> Any:
        rows = super().filter_queryset(rows)
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
    """Sessions; they cannot be searched by visitor hash, which has no index."""

    icon = "schedule"
    filter_form = SessionFilterForm
    list_display = (
        *("time", text_column("referrer_domain", "referrer", limit=20)),
        *(text_column("landing_page", limit=28), "device_and_browser"),
        text_column("country", limit=16),
        *("page_views", "is_bounced", "duration"),
    )
    search_ids = ("id", "user_id")
    search_help_text = "Exact session or user id"
    change_form_after_template = "admin/session_page_views.html"
    fieldsets: ClassVar = [
        (
            None,
            {
                "fields": [
                    *("id", "time", "last_active", "last_heartbeat"),
                    *("duration", "page_views", "is_bounced"),
                ]
            },
        ),
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
        """Add to the session the table of its first page views."""
        session = super().get_object(request, object_id, from_field)
        if session:
            views = PageView.objects.of_session(session.pk).order_by("id")
            first = list(views[: MAX_PAGE_VIEWS + 1])
            session.has_more_views = len(first) > MAX_PAGE_VIEWS
            session.first_views = _table_of(first[:MAX_PAGE_VIEWS])
        return session

    @admin.display(description="last active (UTC)")
    def last_active(self, session: Session) -> str:
        return format_time(session.last_active_at)

    @admin.display(description="last heartbeat (UTC)")
    def last_heartbeat(self, session: Session) -> str:
        return format_time(session.last_heartbeat_at) if session.last_heartbeat_at else EMPTY

    @admin.display(description="duration")
    def duration(self, session: Session) -> str:
        return str(timedelta(seconds=session.duration_seconds))

    @admin.display(description="bounced")
    def is_bounced(self, session: Session) -> str:
        return "Yes" if session.bounced else "No"  # a green tick would call it good

    @admin.display(description="device")
    def device_and_browser(self, session: Session) -> str:
        parts = [(session.device or "").capitalize(), session.browser]
        return truncate(", ".join(filter(None, parts)) or EMPTY, limit=22)

    @admin.display(description="user")
    def user(self, session: Any) -> str | SafeString:
        """Return the user of an identified session as a link, or the id of a deleted user."""
        if session.user_id is None:
            return EMPTY
        user = User.objects.filter(id=session.user_id).first()
        if user is None:
            return f"{session.user_id} (deleted)"
        return object_link(session.viewer, User, user.pk, str(user))

    @admin.display(description="screen")
    def screen(self, session: Session) -> str:
        sizes = (session.screen_width, session.screen_height)
        return EMPTY if sizes == (None, None) else " x ".join(str(size or "?") for size in sizes)


def _table_of(views: Sequence[PageView]) -> dict[str, Any]:
    """Return page views in the form of Unfold's table."""
    rows = [
        (
            truncate(format_time(view.created_at)),
            truncate(view.path, limit=28, tooltip=MAX_URL),
            truncate(view.title or EMPTY, limit=18),
            truncate(view.referrer or EMPTY, limit=20, tooltip=MAX_URL),
            truncate(str(view.bio_page_id or EMPTY), limit=10),
            truncate(str(view.link_clicked or EMPTY), limit=10),
            EMPTY if view.duration_seconds is None else f"{view.duration_seconds:g} s",
            EMPTY if view.scroll_depth is None else f"{view.scroll_depth:g} %",
        )
        for view in views
    ]
    return {"headers": PAGE_VIEW_COLUMNS, "rows": [{"cols": cells} for cells in rows]}
