"""Metrics of tables"""

from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connections
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.utils import floatToGoString

from analytics.streams import table_metrics
from analytics.streams.base import streams
from analytics.streams.maintenance import MaintenanceRun
from tests.support.events import AT, AT_MS, PATH, event_of, new_id

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

ROWS, BYTES = "millrace_table_rows", "millrace_table_bytes"
OLDEST = "millrace_oldest_event_timestamp_seconds"
UNTIL = "millrace_partitions_until_timestamp_seconds"
TABLES = {model._meta.db_table for model in streams()}
OF_THE_MAIN_DATABASE = {"analytics_funnelevent"}


def figures(api):
    """Return the figures of each metric by table."""
    families = text_string_to_metric_families(api.get("/metrics").content.decode())
    return {
        family.name: {sample.labels["table"]: sample.value for sample in family.samples}
        for family in families
        if family.name in table_metrics.FAMILIES
    }


def test_every_stream_has_rows_and_bytes(api):
    result = figures(api)
    assert result[ROWS].keys() == result[BYTES].keys() == TABLES
    assert all(size > 0 for size in result[BYTES].values())  # of empty indexes


def test_rows_are_what_postgresql_estimates(api, website):
    api.post("/api/v1/events/batch", {"events": [event_of(website) for _ in range(7)]})
    with connections["analytics"].cursor() as cursor:
        cursor.execute("ANALYZE analytics_event")
    assert figures(api)[ROWS]["analytics_event"] == 7


def test_the_oldest_event_is_exported_if_there_is_one(api, website):
    assert figures(api)[OLDEST] == {}
    for age_ms in (1000, 86_400_000, 2000):
        api.post(PATH, event_of(website, id=new_id(AT_MS - age_ms)))
    table_metrics.reset()
    assert figures(api)[OLDEST]["analytics_event"] == (AT_MS - 86_400_000) / 1000


def test_the_end_of_the_last_partition_is_exported_if_there_is_one(api):
    assert figures(api)[UNTIL] == {}
    call_command("partitions", "--from", "2026-11", "--until", "2026-12", verbosity=0)
    table_metrics.reset()
    new_year = datetime(2027, 1, 1, tzinfo=UTC).timestamp()
    assert figures(api)[UNTIL] == dict.fromkeys(TABLES, new_year)


def test_the_last_retention_is_exported_if_there_is_one(api):
    name = "millrace_retention_success_timestamp_seconds"
    assert f"\n{name} " not in api.get("/metrics").content.decode()
    call_command("retention", stdout=StringIO())
    run = MaintenanceRun.last("retention")
    table_metrics.reset()
    assert run
    assert f"\n{name} {floatToGoString(run.finished_at.timestamp())}\n" in (
        api.get("/metrics").content.decode()
    )


def test_figures_are_cached(api, website, clock):
    assert figures(api)[OLDEST] == {}
    api.post(PATH, event_of(website, id=new_id(AT_MS)))
    clock.move(seconds=table_metrics.MAX_AGE_SECONDS - 0.1)
    assert figures(api)[OLDEST] == {}
    clock.move(seconds=0.1)
    assert figures(api)[OLDEST]["analytics_event"] == AT.timestamp()


def test_figures_of_a_database_that_is_down_are_missing(api, analytics_away, caplog):
    result = figures(api)
    assert result[ROWS].keys() == result[BYTES].keys() == OF_THE_MAIN_DATABASE
    [message] = [each for each in caplog.messages if each.startswith("Tables of ")]
    assert message == "Tables of 'analytics' cannot be measured: the analytics database is away"


def test_all_databases_may_be_down(api, analytics_away, main_database_away):
    assert all(expected == {} for expected in figures(api).values())


def test_a_database_that_is_down_is_not_queried_again_at_once(api, analytics_away, caplog):
    for _ in range(3):
        assert figures(api)[ROWS].keys() == OF_THE_MAIN_DATABASE
    assert len([each for each in caplog.messages if each.startswith("Tables of ")]) == 1
