"""Series of django-prometheus: databases, cache and migrations"""

import pytest
from django.core.cache import cache
from django.db import ProgrammingError, connections, transaction
from prometheus_client.parser import text_string_to_metric_families

from config.server import migration_metrics

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

MIGRATIONS = {"django_migrations_unapplied_total", "django_migrations_applied_total"}


def families(api):
    return [*text_string_to_metric_families(api.get("/metrics").content.decode())]


def values(api, name, **labels):
    """Return the values of a series, those of its labels that are not given as the keys."""
    return {
        tuple(value for label, value in sample.labels.items() if label not in labels): sample.value
        for family in families(api)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    }


def test_no_metric_comes_twice(api):
    names = [family.name for family in families(api)]
    assert len(names) == len({*names})
    assert {"django_db_execute", "django_cache_get", *MIGRATIONS} <= {*names}


@pytest.mark.parametrize("alias", ["default", "analytics"])
def test_statements_are_counted_and_timed(api, alias):
    names = ("django_db_execute_total", "django_db_query_duration_seconds_count")
    values(api, names[0])  # which itself reads the databases, but not again so soon
    before = [values(api, name, alias=alias, vendor="postgresql").get((), 0) for name in names]
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT 1")
    after = [values(api, name, alias=alias, vendor="postgresql")[()] for name in names]
    assert all(now > then for now, then in zip(after, before, strict=True))


def test_errors_are_counted_by_their_type(api):
    name, labels = "django_db_errors_total", {"alias": "analytics", "vendor": "postgresql"}
    before = values(api, name, **labels).get(("UndefinedTable",), 0)
    with pytest.raises(ProgrammingError), transaction.atomic(using="analytics"):
        connections["analytics"].cursor().execute("SELECT 1 FROM nothing")
    assert values(api, name, **labels)[("UndefinedTable",)] == before + 1


def test_connections_are_counted(api):
    name, labels = "django_db_new_connections_total", {"alias": "default", "vendor": "postgresql"}
    before = values(api, name, **labels)[()]
    other = connections["default"].copy()
    other.connect()
    other.close()
    assert values(api, name, **labels)[()] == before + 1


def test_reads_of_the_cache_are_counted(api):
    def counts():
        names = ("get", "get_hits", "get_misses")
        found = [values(api, f"django_cache_{name}_total", backend="locmem") for name in names]
        return [each.get((), 0) for each in found]

    before = counts()
    cache.set("a", 0)
    assert [cache.get("a", 5), cache.get("b", 5), cache.get("b")] == [0, 5, None]
    assert [now - then for now, then in zip(counts(), before, strict=True)] == [3, 1, 2]


def test_migrations_are_counted(api, clock):
    for alias in connections:
        assert values(api, "django_migrations_unapplied_total")[(alias,)] == 0
        assert values(api, "django_migrations_applied_total")[(alias,)] > 20
    with connections["analytics"].cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'activity'")
    clock.move(seconds=migration_metrics.MAX_AGE_SECONDS)
    unapplied = values(api, "django_migrations_unapplied_total")
    assert unapplied.pop(("analytics",)) > 0
    assert unapplied == {("default",): 0}


def test_migrations_of_a_database_that_is_down_are_missing(api, analytics_away, caplog):
    for name in MIGRATIONS:
        assert values(api, name).keys() == {("default",)}
    assert (
        caplog.messages.count(
            "Migrations of 'analytics' cannot be read: the analytics database is away"
        )
        == 1
    )
