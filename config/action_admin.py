"""Admin of rows that can be selected for an action"""

from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from unfold.admin import ModelAdmin


class ActionAdmin(ModelAdmin):
    """An admin that ignores selected ids that no row can have; Django's ends with an exception."""

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
