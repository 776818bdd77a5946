"""The database router"""

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connections

from config.db.routers import HomeRouter, home

MODELS = apps.get_models(include_auto_created=True)


@pytest.mark.django_db(databases=["default", "analytics"])
def test_each_table_is_in_one_database_only():
    tables = {alias: set(connections[alias].introspection.table_names()) for alias in connections}
    assert tables["default"] & tables["analytics"] == {"django_migrations"}
    for model in MODELS:
        if model._meta.managed:
            assert model._meta.db_table in tables[home(model)]


def test_the_homes_are_those_of_the_design():
    away = {model.__name__ for model in MODELS if home(model) == "analytics"}
    assert away <= {
        *("Session", "PageView", "Event", "PlatformEvent", "CollectedEvent", "ActivityEvent"),
        *(
            "PlatformTotal",
            "PlatformHour",
            "DailySalt",
            "ClientContext",
            "MaintenanceRun",
            "MaintenanceFailure",
            "OutcomeCount",
            "RejectedRow",
            "AppliedRetention",
        ),
        *("DirtyRange", "EventTotal", "EventFloor", "WebsiteVisitor", "WebsiteRules"),
        *(
            "WebsiteSession",
            "HeavySession",
            "SealedDay",
            "Breakdown",
            "VisitorSet",
            "DayColumn",
            "HourColumn",
            "SealedHour",
            "SealedWeek",
            "RollupCheck",
        ),
    }
    assert {home(model) for model in MODELS} <= set(settings.DATABASES)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_the_router_is_total(model):
    router = HomeRouter()
    assert router.db_for_read(model) == router.db_for_write(model) == home(model)
    allowed = {
        alias: router.allow_migrate(alias, model._meta.app_label, model._meta.model_name)
        for alias in settings.DATABASES
    }
    assert allowed == {alias: alias == home(model) for alias in settings.DATABASES}


@pytest.mark.parametrize("model_name", [None, "gone"])
def test_migrations_without_a_model_run_where_they_say(model_name):
    router = HomeRouter()
    assert router.allow_migrate("default", "websites", model_name) is True
    assert router.allow_migrate("analytics", "websites", model_name) is False
    assert router.allow_migrate("analytics", "x", model_name, home="analytics") is True
    assert router.allow_migrate("default", "x", model_name, home="analytics") is False


def test_no_relation_crosses():
    for model in MODELS:
        for field in model._meta.get_fields():
            if field.is_relation and isinstance(field.related_model, type):
                assert home(model) == home(field.related_model), field
