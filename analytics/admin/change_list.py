"""Admin pages of event streams: read-only, newest first, quick however long the stream is.

Nothing is counted and no page has a number: a page is a range of ids, so that each costs one
walk along an index. The base of the admin of every stream.
"""

import logging
from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.safestring import SafeString
from psycopg.errors import LockNotAvailable, QueryCanceled
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from analytics.admin.filters import (
    StreamFilter,
    StreamFilterForm,
)
from analytics.admin.formatting import (
    NONE,
    cut,
    link,
    list_of,
    to_the_second,
)
from config.db import uuid7

logger = logging.getLogger(__name__)

DATABASE_FAILURES = (OperationalError, InterfaceError)
TOO_SLOW = "This takes too long; narrow the time or the filters."
AWAY = "The database does not answer; try again in a moment."


class KeysetChangeList(ChangeList):
    """One page: `?before=<id>` shows the older rows, `?after=<id>` the newer ones."""

    filter_params: dict[str, list[str]]
    older_link: str | None = None
    newer_link: str | None = None
    newest_link: str | None = None
    failure = ""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        self.before = uuid7.parse(request.GET.get("before", ""))
        self.after = None if self.before else uuid7.parse(request.GET.get("after", ""))
        known = {SEARCH_VAR, *self.model_admin.filter_form.base_fields}
        self.filter_params = {
            name: values[-1:]
            for name, values in self.filter_params.items()
            if name in known and values[-1]
        }
        # Unfold's form of the filters repeats it: choosing a filter must lead to the first page.
        request.GET = QueryDict(urlencode(self.filter_params, doseq=True))
        return super().get_queryset(request, exclude_parameters)

    def get_ordering(self, request: HttpRequest, queryset: Any) -> list[str]:
        return ["id" if self.after else "-id"]

    def get_results(self, request: HttpRequest) -> None:
        rows = self._read(self.list_per_page + 1)
        has_more = len(rows) > self.list_per_page
        del rows[self.list_per_page :]
        if self.after:
            rows.reverse()
        if rows and (has_more or self.after):
            self.older_link = self.get_query_string({"before": rows[-1].pk})
        if rows and (has_more if self.after else self.before):
            self.newer_link = self.get_query_string({"after": rows[0].pk})
        if self.before or self.after:
            self.newest_link = self.get_query_string()
        self.model_admin.complete(rows)
        self.result_list = rows
        self.result_count = self.full_result_count = len(rows)  # of this page; none knows of all
        self.title = self.opts.verbose_name_plural.capitalize()

    def _read(self, limit: int) -> list[Any]:
        rows = self.queryset.defer(*self.model_admin.list_defer)
        if self.before:
            rows = rows.filter(id__lt=self.before)
        if self.after:
            rows = rows.filter(id__gt=self.after)
        try:
            return list(rows[:limit])
        except DATABASE_FAILURES as error:
            self.failure = explain(error)
            return []


class StreamAdmin(ModelAdmin):
    """The admin of a stream: look, narrow and search, but never touch.

    Subclasses give `filter_form`, and what can be searched because an index serves it: lookups of
    texts as `search_fields`, fields of UUIDs as `search_ids`.
    """

    filter_form: type[StreamFilterForm] = StreamFilterForm
    list_defer: ClassVar[Sequence[str]] = ()
    search_ids: ClassVar[Sequence[str]] = ("id",)
    icon = "bolt"

    actions = None
    change_list_template = "admin/stream_change_list.html"
    list_filter = (StreamFilter,)
    list_filter_submit = True
    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False
    sortable_by = ()

    @property
    def media(self) -> Any:
        return super().media + self.filter_form().media

    def complete(self, rows: Sequence[Any]) -> None:
        """Add to the rows of a page what the other database knows of them, with one query."""

    @admin.display(description="time (UTC)")
    def time(self, row: Any) -> SafeString:
        return cut(to_the_second(row.created_at))

    def search_link(self, text: str | None, *, limit: int | None = None) -> SafeString | str:
        """Return a text, cut to a limit, that leads to the rows that a search for it finds."""
        if not text:
            return NONE
        rows = f"{list_of(self.model)}?{urlencode({'q': text})}"
        return link(rows, cut(text, limit=limit) if limit else text)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeysetChangeList

    def get_search_fields(self, request: HttpRequest) -> Sequence[str]:
        return (*self.search_fields, *self.search_ids)  # without any there is no search box

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the rows in which one of the search fields, or one of the ids, is the text."""
        term = search_term.strip()
        if not term:
            return queryset, False
        lookups: list[tuple[str, Any]] = [(name, term) for name in self.search_fields]
        if id := uuid7.parse(term):
            lookups += [(name, id) for name in self.search_ids]
        matches = queryset.filter(Q(*lookups, _connector=Q.OR)) if lookups else queryset.none()
        return matches, False

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row:
            self.complete([row])
            row.reader = request.user  # who is shown only links that work
        return row

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        context = {"show_history": False, **(extra_context or {})}  # nothing changes an event
        try:
            return super().changeform_view(request, object_id, form_url, context)
        except DATABASE_FAILURES as error:
            messages.error(request, explain(error))
            return redirect("admin:index")

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        raise PermissionDenied

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        raise PermissionDenied


def explain(error: Exception) -> str:
    """Return what to tell about a failure of the database, which is logged here."""
    logger.warning("An admin page cannot read its events", exc_info=error)
    return TOO_SLOW if isinstance(error.__cause__, QueryCanceled | LockNotAvailable) else AWAY
