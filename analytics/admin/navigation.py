"""The sidebar of the admin: all that is registered and the user may see, in three groups."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst

from analytics.admin.formatting import list_of
from analytics.streams.base import Stream

EVENTS, PEOPLE, SETTINGS = "Events", "People & websites", "Settings"
OF_PEOPLE = {"auth", "websites"}  # apps


def groups(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups of links in the form that unfold expects; a stream needs no entry here."""
    home = {"title": "Home", "icon": "home", "link": reverse("admin:index")}
    found: dict[str, list[dict[str, Any]]] = {EVENTS: [], PEOPLE: [], SETTINGS: []}
    for model, model_admin in admin.site._registry.items():
        if model_admin.has_view_permission(request):
            found[group_of(model)].append(
                {
                    "title": capfirst(model._meta.verbose_name_plural),
                    "icon": getattr(model_admin, "icon", "table_rows"),
                    "link": list_of(model),
                }
            )
    named = [{"title": title, "items": items} for title, items in found.items() if items]
    return [{"items": [home]}, *named]


def group_of(model: type[Model]) -> str:
    """Return the title of the group in which a model is listed."""
    if issubclass(model, Stream):
        return EVENTS
    return PEOPLE if model._meta.app_label in OF_PEOPLE else SETTINGS
