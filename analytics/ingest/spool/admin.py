"""Rejected rows in the admin: seen with their reason, stored again or deleted."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db import DatabaseError
from django.http import HttpRequest
from django.utils.safestring import SafeString

from analytics.admin.formatting import format_time, truncate
from analytics.ingest.spool.rejected import RejectedRow
from analytics.ingest.targets import UnreadableItems
from config.model_admin import ModelAdmin


@admin.register(RejectedRow)
class RejectedRowAdmin(ModelAdmin):
    """Rows that were acknowledged while a database was away, and that it refused later."""

    icon = "report"
    list_display = ("time", "target", "short_reason")
    list_filter = ("target",)
    list_per_page = 50
    show_full_result_count = False
    ordering: ClassVar = ["-rejected_at"]
    readonly_fields: ClassVar = ["rejected_at", "target", "reason", "columns", "data"]
    fields = readonly_fields
    actions: ClassVar = ["store_again"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="time (UTC)", ordering="rejected_at")
    def time(self, row: RejectedRow) -> SafeString:
        return truncate(format_time(row.rejected_at))

    @admin.display(description="reason")
    def short_reason(self, row: RejectedRow) -> SafeString:
        return truncate(row.reason)

    @admin.action(description="Store selected rows again", permissions=["delete"])
    def store_again(self, request: HttpRequest, rows: Any) -> None:
        """Store rows whose reason is gone; the others stay."""
        stored = refused = 0
        for row in rows:
            try:
                is_stored = row.store()
            except (DatabaseError, UnreadableItems):
                is_stored = False
            stored += is_stored
            refused += not is_stored
        if stored:
            self.message_user(request, f"{stored:,} stored.", messages.SUCCESS)
        if refused:
            self.message_user(request, f"{refused:,} are still refused.", messages.ERROR)
