"""Where the tables of the analytics database go on a cluster"""

import re

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from analytics.streams.base import streams
from analytics.streams.distribution import placements
from config.db.cluster import is_cluster

PARTITION = re.compile(r"_(y\d{4}m\d\d|default)$")


@pytest.mark.django_db(databases=["default", "analytics"])
def test_each_table_of_the_analytics_database_has_its_place():
    tables = connections["analytics"].introspection.table_names()
    own = {name for name in tables if not (PARTITION.search(name) or name.startswith("citus_"))}
    assert {each.table for each in placements()} == own - {"django_migrations"}


def test_events_go_by_id_what_is_derived_by_website_and_the_rest_to_every_node():
    by = {each.table: each.column for each in placements()}
    events = {model._meta.db_table for model in streams() if model.home == "analytics"}
    assert {table for table, column in by.items() if column == "id"} == events - {
        "analytics_websitesession"
    }
    assert {table for table, column in by.items() if column is None} == {
        *("analytics_platformtotal", "analytics_platformhour", "analytics_eventfloor"),
        *("analytics_maintenancerun", "analytics_maintenancefailure", "analytics_rejectedrow"),
        *("analytics_appliedretention", "analytics_rollupcheck", "config_dailysalt"),
        "config_tally",
    }
    assert {each.table for each in placements() if each.column not in (None, *each.key)} == set()
    assert set(by.values()) == {"id", "website_id", None}


@pytest.mark.django_db(databases=["default", "analytics"])
def test_a_server_that_is_no_coordinator_is_refused():
    if is_cluster("analytics"):
        pytest.skip("the analytics database is on a cluster")
    with pytest.raises(CommandError, match="is no Citus coordinator"):
        call_command("distribute")


def test_a_number_of_shards_that_no_table_can_have_is_refused():
    with pytest.raises(CommandError, match="--shards goes from 1 to 1024"):
        call_command("distribute", shards=0)
