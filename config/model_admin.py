"""The base of our pages in the admin: Django's, for hostile input too"""

from contextlib import nullcontext
from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from unfold import admin as unfold

from config import error_pages
from config.api.errors import StorageUnavailable
from config.server.capacity import LISTS


class ModelAdmin(unfold.ModelAdmin):
    """An admin that answers what ends Django's with an exception.

    Selected ids that no row can have are ignored, filters by a NUL are refused. Lists take turns.
    """

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list when it is its turn; do at once what was chosen for some of its rows."""
        response: HttpResponse
        try:
            with nullcontext() if request.method == "POST" else LISTS.bounded():
                response = super().changelist_view(request, extra_context)
                if hasattr(response, "render"):
                    response.render()
                return response
        except StorageUnavailable:
            return error_pages.unavailable(request)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        if any("\0" in text for text in value):
            return False
        return bool(super().lookup_allowed(lookup, value, request))

    def response_action(self, request: HttpRequest, queryset: Any) -> Any:
        sent = request.POST.copy()
        ids = filter(self._is_id, sent.getlist(ACTION_CHECKBOX_NAME))
        sent.setlist(ACTION_CHECKBOX_NAME, list(ids))
        request.POST = sent  # type: ignore[assignment]
        return super().response_action(request, queryset)

    def _is_id(self, text: str) -> bool:
        try:
            self.model._meta.pk.to_python(text)
        except ValidationError:
            return False
        return True
