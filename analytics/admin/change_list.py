"""The base of the admin of all streams: read-only lists with keyset pagination.

However many events there are, a page is one walk along an index: it is a range of ids, and nothing
is counted, so that there are no page numbers.
"""

import logging
from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Left
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.safestring import SafeString
from psycopg.errors import LockNotAvailable, QueryCanceled
from unfold.views import ChangeList

from analytics.admin.filters import StreamFilter, StreamFilterForm
from analytics.admin.formatting import format_time, truncate
from config.admin import ReadOnlyAdmin
from config.api.errors import StorageUnavailable
from config.db import uuid7
from config.server.capacity import LISTS

logger = logging.getLogger(__name__)

MAX_TEXT = 1000  # characters of a field in a list, which may hold a megabyte
DATABASE_FAILURES = (OperationalError, InterfaceError)
TOO_SLOW = "This takes too long; narrow the time or the filters."
AWAY = "The database does not answer; try again in a moment."


class KeysetChangeList(ChangeList):
    """One page: `?before=<id>` are the rows before an event, `?after=<id>` those after it."""

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
        # Unfold's filter form repeats the query: a new filter must start at the first page.
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
        self.model_admin.attach_related(rows)
        self.result_list = rows
        self.result_count = self.full_result_count = len(rows)  # of this page only
        self.title = self.opts.verbose_name_plural.capitalize()

    def _read(self, limit: int) -> list[Any]:
        rows = self.queryset.defer(*self.model_admin.list_defer, *self._texts())
        rows = rows.annotate(**{f"{name}_start": Left(name, MAX_TEXT) for name in self._texts()})
        if self.before:
            rows = rows.filter(id__lt=self.before)
        if self.after:
            rows = rows.filter(id__gt=self.after)
        try:
            with LISTS.bounded():
                found = list(rows[:limit])
        except (*DATABASE_FAILURES, StorageUnavailable) as error:
            self.failure = log_failure(error)
            return []
        for row in found:
            for name in self._texts():
                setattr(row, name, getattr(row, f"{name}_start"))
        return found

    def _texts(self) -> list[str]:
        """Return the fields of texts without a limit, of which a list reads only the beginning."""
        return [field.name for field in self.opts.fields if isinstance(field, TextField)]


class StreamAdmin(ReadOnlyAdmin):
    """The admin of a stream: list, filters, search, detail page; nothing can be changed.

    Subclasses set `filter_form`, and the searches that an index serves: lookups of texts as
    `search_fields`, fields of UUIDs as `search_ids`.
    """

    filter_form: type[StreamFilterForm] = StreamFilterForm
    list_defer: ClassVar[Sequence[str]] = ()
    search_ids: ClassVar[Sequence[str]] = ("id",)
    icon = "bolt"

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

    def attach_related(self, rows: Sequence[Any]) -> None:
        """Set on the rows of a page what the other database knows of them, by one query."""

    @admin.display(description="time (UTC)")
    def time(self, row: Any) -> SafeString:
        return truncate(format_time(row.created_at))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeysetChangeList

    def get_search_fields(self, request: HttpRequest) -> Sequence[str]:
        return (*self.search_fields, *self.search_ids)  # without any, Django hides the search box

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the rows of which a search field or an id equals the term."""
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
            self.attach_related([row])
            row.viewer = request.user  # gets links only to pages that the viewer may open
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
            with LISTS.bounded():
                return super().changeform_view(request, object_id, form_url, context)
        except (*DATABASE_FAILURES, StorageUnavailable) as error:
            messages.error(request, log_failure(error))
            return redirect("admin:index")

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        raise PermissionDenied

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        raise PermissionDenied


def log_failure(error: Exception) -> str:
    """Log a failure of the database; return the message for the page."""
    logger.warning("An admin page cannot read its events", exc_info=error)
    return TOO_SLOW if isinstance(error.__cause__, QueryCanceled | LockNotAvailable) else AWAY
