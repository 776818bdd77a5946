"""Websites in the admin: their traffic, and actions that ask for a confirmation."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from analytics.admin import website_settings
from analytics.admin.change_list import DATABASE_FAILURES, log_failure
from analytics.admin.formatting import EMPTY, format_time, link, truncate
from analytics.events import traffic
from config.db import deadline
from config.model_admin import ModelAdmin
from websites.first_run import curl_line
from websites.models import CODE_GRACE, RetiredCode, Website
from websites.tracker.snippet import script_line

TRAFFIC_TIMEOUT_SECONDS = 2.0
# Fields that the list sends, and the confirmation once more.
LIST_FIELDS = ("action", "select_across", ACTION_CHECKBOX_NAME)


@dataclass(frozen=True, slots=True)
class Operation:
    """A change of websites, and the sentence that staff confirm before it."""

    title: str
    meaning: str
    done: str
    apply: Callable[[Website], object]


PAUSE = Operation(
    "Pause",
    "Its events are refused with 404, within five seconds everywhere. What is stored stays.",
    "Paused.",
    lambda website: website.change(is_active=False),
)
RESUME = Operation(
    "Resume",
    "Its events are taken again, within five seconds everywhere.",
    "Resumed.",
    lambda website: website.change(is_active=True),
)
ROTATE = Operation(
    "Change tracking code",
    f"It gets a new tracking code. The old one stays good for {CODE_GRACE.days * 24} hours: put "
    "the new one into its pages by then.",
    "Changed the tracking code.",
    Website.rotate_code,
)


@admin.register(Website)
class WebsiteAdmin(ModelAdmin):
    """Websites, with the tracking codes in their pages."""

    icon = "language"
    list_display = (
        *("short_name", "short_domain", "code", "owner", "state", "last_event", "today"),
        "dashboard",
    )
    list_filter = ("is_active",)
    list_per_page = 25
    list_select_related = ("user",)
    search_fields = ("name", "domain", "tracking_code", "retired_codes__code", "user__email")
    ordering = ("-id",)
    sortable_by = ("short_name", "short_domain", "owner")
    autocomplete_fields = ("user",)
    actions = ("pause_selected", "resume_selected")
    actions_detail = ("pause", "resume", "rotate")
    computed_fields: ClassVar = (
        *("dashboard", "state", "code", "old_codes", "script", "first_event"),
        *("created", "updated"),
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = ("user", "name", "domain", "description")
        return (*fields, *self.computed_fields) if obj else fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.computed_fields

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        found = super().get_fieldsets(request, obj)
        may_change = self.has_change_permission(request, obj)
        return [*found, website_settings.fieldset(may_change=may_change)] if obj else found

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if obj and self.has_change_permission(request, obj):
            kwargs["form"] = website_settings.WebsiteForm
        return super().get_form(request, obj, change, **kwargs)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Set the traffic of the websites of a page on them, by one query."""
        changelist = super().get_changelist_instance(request)
        rows = changelist.result_list = list(changelist.result_list)
        found: dict[Any, traffic.Traffic] = {}
        midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
        try:
            with deadline.within(TRAFFIC_TIMEOUT_SECONDS):
                found = traffic.of_websites([row.pk for row in rows], midnight)
        except DATABASE_FAILURES as error:
            messages.error(request, log_failure(error))
        for row in rows:
            row.traffic = found.get(row.pk)
        return changelist

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row:
            row.events_url = request.build_absolute_uri("/api/v1/events")
            row.script_url = request.build_absolute_uri("/tracker.js")
        return row

    @admin.display(description="name", ordering="name")
    def short_name(self, website: Website) -> SafeString:
        return truncate(website.name, limit=30)

    @admin.display(description="domain", ordering="domain")
    def short_domain(self, website: Website) -> SafeString:
        return truncate(website.domain, limit=28)

    @admin.display(description="user", ordering="user__email")
    def owner(self, website: Website) -> SafeString:
        return truncate(website.user.email, limit=28)

    @admin.display(description="dashboard")
    def dashboard(self, website: Website) -> SafeString:
        return link(reverse("website", args=[website.pk]), "Open")

    @admin.display(description="created (UTC)")
    def created(self, website: Website) -> SafeString:
        return truncate(f"{website.created_at:%Y-%m-%d %H:%M}")

    @admin.display(description="changed (UTC)")
    def updated(self, website: Website) -> SafeString:
        return truncate(f"{website.updated_at:%Y-%m-%d %H:%M}")

    @admin.display(description="tracking code")
    def code(self, website: Website) -> SafeString:
        return copyable(website.tracking_code)

    @admin.display(description="old codes")
    def old_codes(self, website: Website) -> str:
        good = RetiredCode.objects.valid().filter(website=website).order_by("good_until")
        texts = [f"{old.code} until {old.good_until:%Y-%m-%d %H:%M} UTC" for old in good]
        return ", ".join(texts) or EMPTY

    @admin.display(description="first event")
    def first_event(self, website: Any) -> SafeString:
        return copyable(curl_line(website.events_url, website.tracking_code))

    @admin.display(description="for its pages")
    def script(self, website: Any) -> SafeString:
        return copyable(script_line(website.script_url, website.tracking_code))

    @display(description="state", label={"Active": "success", "Paused": "warning"})
    def state(self, website: Website) -> str:
        return "Active" if website.is_active else "Paused"

    @admin.display(description="last event (UTC)")
    def last_event(self, website: Any) -> str:
        last_at = website.traffic and website.traffic.last_at
        return truncate(format_time(last_at)) if last_at else EMPTY

    @admin.display(description="events today")
    def today(self, website: Any) -> str:
        return website.traffic.count_text if website.traffic else EMPTY

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Return the actions but for pause on a paused website, and resume on an active one."""
        website = self.get_object(request, str(object_id))
        impossible = "_resume" if website and website.is_active else "_pause"
        found = super().get_actions_detail(request, object_id)
        return [each for each in found if not each.action_name.endswith(impossible)]

    @action(description="Pause", icon="pause", permissions=["change"])
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._confirm_one(request, object_id, PAUSE)

    @action(description="Resume", icon="play_arrow", permissions=["change"])
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._confirm_one(request, object_id, RESUME)

    @action(description="Change tracking code", icon="autorenew", permissions=["change"])
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._confirm_one(request, object_id, ROTATE)

    @action(description="Pause selected websites", permissions=["change"])
    def pause_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse:
        return self._confirm(request, PAUSE, queryset, back="admin:websites_website_changelist")

    @action(description="Resume selected websites", permissions=["change"])
    def resume_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse:
        return self._confirm(request, RESUME, queryset, back="admin:websites_website_changelist")

    def _confirm_one(
        self, request: HttpRequest, object_id: str, operation: Operation
    ) -> HttpResponse:
        website = self.get_object(request, object_id)
        if website is None:
            raise Http404
        back = reverse("admin:websites_website_change", args=[website.pk])
        return self._confirm(request, operation, [website], back=back)

    def _confirm(
        self, request: HttpRequest, operation: Operation, websites: Iterable[Website], *, back: str
    ) -> HttpResponse:
        """Apply an operation that is confirmed, else return the page that asks for this."""
        if request.POST.get("confirmed") != "yes":
            context = {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": operation.title,
                "meaning": operation.meaning,
                "websites": websites,
                "hidden_fields": [
                    (name, value) for name in LIST_FIELDS for value in request.POST.getlist(name)
                ],
                "back": resolve_url(back),
            }
            return TemplateResponse(request, "admin/confirm_websites.html", context)
        for website in websites:
            operation.apply(website)
            self.log_change(request, website, operation.done)
            messages.success(request, f"{website}: {operation.done}")
        return redirect(back)


def copyable(text: str) -> SafeString:
    return render_to_string("admin/copyable.html", {"text": text})
