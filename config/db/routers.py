"""Database router: each model has one home, which it names in `home`."""

from contextlib import suppress
from typing import Any

from django.apps import apps
from django.db.models import Model

MAIN = "default"
ANALYTICS = "analytics"


def home(model: type[Model]) -> str:
    """Return the alias of the one database that holds a model's table."""
    return getattr(model, "home", MAIN)


class HomeRouter:
    """Send each model to its home; nothing is left to Django's defaults."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        return home(model)

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        return home(model)

    def allow_relation(self, one: Model, other: Model, **hints: Any) -> bool:
        return home(type(one)) == home(type(other))

    def allow_migrate(
        self, db: str, app_label: str, model_name: str | None = None, **hints: Any
    ) -> bool:
        alias: str = hints.get("home", MAIN)  # of a RunPython or RunSQL
        with suppress(LookupError):  # a model that only old migrations have
            alias = home(apps.get_model(app_label, model_name)) if model_name else alias
        return db == alias
