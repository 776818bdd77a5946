"""Rollups beside others: writers, another rollup, its own death"""

import time

import pytest
from django.core.management import call_command

from analytics.events.ingest import TABLE
from analytics.ingest.commit import store_group
from analytics.reports.derived import rollup
from analytics.reports.derived.rollup_models import DirtyRange, RollupCheck
from analytics.reports.models import WebsiteSession
from config.db import uuid7
from tests.support.events import AT_MS, new_row
from tests.support.rollup_kills import kill_rollups_at
from tests.support.rollup_load import load

REAL = pytest.mark.django_db(transaction=True, databases=["default", "analytics"])


def event(website, seconds, **fields):
    ms = AT_MS + seconds * 1000
    at = {"id": uuid7.new_id(ms), "created_at": uuid7.from_ms(ms), "website_id": website.pk}
    return new_row(**at | fields)


@REAL
def test_sessions_are_right_while_many_write_and_two_roll_up(website):
    counts = load(website, seconds=2)
    assert all(counts[name] for name in ("new", "deleted", "rolled up"))
    call_command("rollup", "--check", "--days", "100")
    assert RollupCheck.objects.get().differences == 0


@REAL
def test_a_commit_comes_late(website, foreign):
    """Its ids are lower than those of marks that were taken before."""
    early = event(website, 0)
    columns = ", ".join(early._fields)
    foreign.execute(
        f"INSERT INTO analytics_event ({columns}) VALUES ({', '.join(['%s'] * len(early))})", early
    )
    foreign.execute(
        "INSERT INTO analytics_dirtyrange VALUES (%s, %s, %s, %s, 1, 0, 0)",
        [uuid7.new_id_now(), website.pk, early.id, early.id],
    )
    store_group(TABLE, [[event(website, 60)]])
    assert rollup.refresh(website, 10)
    assert WebsiteSession.objects.get().page_views == 1
    foreign.commit()
    assert rollup.refresh(website, 10)
    assert WebsiteSession.objects.get().id == early.id


@REAL
def test_a_reader_does_not_wait_for_another_rollup(website, foreign):
    store_group(TABLE, [[event(website, 0)]])
    foreign.execute("LOCK TABLE analytics_websitevisitor IN ACCESS EXCLUSIVE MODE")
    started = time.monotonic()
    assert not rollup.refresh(website, 0.5)
    assert rollup.as_of(website.pk, uuid7.now()) < uuid7.now()
    assert time.monotonic() - started < 5
    foreign.rollback()
    assert DirtyRange.objects.exists()
    assert rollup.refresh(website, 10)


@pytest.mark.slow
def test_it_is_killed_after_the_marks_and_before_the_last_rows(environment):
    kill_rollups_at(environment, ("analytics_event", "analytics_daycolumn"))
