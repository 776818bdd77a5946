"""The sidebar of the admin: all models that the user may view, in three groups."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst

from analytics.admin.formatting import changelist_url
from analytics.streams.base import Stream

EVENTS, PEOPLE, SETTINGS = "Events", "People & websites", "Settings"
PEOPLE_APPS = {"auth", "websites"}


def groups(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups of links in the form that Unfold expects."""
    home = {"title": "Home", "icon": "home", "link": reverse("admin:index")}
    found: dict[str, list[dict[str, Any]]] = {EVENTS: [], PEOPLE: [], SETTINGS: []}
    for model, model_admin in admin.site._registry.items():
        if model_admin.has_view_permission(request):
            found[group_of(model)].append(
                {
                    "title": capfirst(model._meta.verbose_name_plural),
                    "icon": getattr(model_admin, "icon", "table_rows"),
                    "link": changelist_url(model),
                }
            )
    named = [{"title": title, "items": items} for title, items in found.items() if items]
    return [{"items": [home]}, *named]


def group_of(model: type[Model]) -> str:
    """Return the title of a model's group."""
    if issubclass(model, Stream):
        return EVENTS
    return PEOPLE if model._meta.app_label in PEOPLE_APPS else SETTINGS
