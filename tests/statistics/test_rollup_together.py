"""Rollups beside others: writers, another rollup, its own death"""

import subprocess
import sys
import time

import psycopg
import pytest
from django.core.management import call_command

from analytics.events.ingest import TABLE
from analytics.ingest.commit import store_group
from analytics.reports.derived import rollup
from analytics.reports.derived.rollup_models import DirtyRange, RollupCheck
from analytics.reports.models import WebsiteSession
from config.db import uuid7
from tests.support.databases import wait_until_true
from tests.support.events import AT_MS, new_row
from tests.support.rollup_load import load
from tests.support.server import ROOT, manage

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


# Of the rules, the marks, the events, the visitors, the sessions, the sealed days.
STEPS = (
    *("analytics_websiterules", "analytics_dirtyrange", "analytics_event"),
    *("analytics_websitevisitor", "analytics_websitesession", "analytics_breakdown"),
    "analytics_visitorset",
    "analytics_daycolumn",
)
STORE_EVENTS = """
from tests.support.rollup_load import Writer
from websites.models import User, Website

user = User.objects.create_user("user@example.com")
website = Website.objects.create(user=user, domain="example.com", name="My Website")
for number in range(30):
    Writer(website, number).write()
"""


@pytest.mark.slow
def test_it_is_killed_at_each_step(environment):
    """Whatever a killed process has done, the next one makes all sessions right."""
    manage(environment, "shell", "-c", STORE_EVENTS)
    with psycopg.connect(environment["ANALYTICS_DATABASE_URL"]) as database:
        for table in STEPS:
            database.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            command = [sys.executable, "manage.py", "rollup"]
            with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
                wait_until_true_elsewhere(environment)
                process.kill()
            database.rollback()
    assert "all are right" in manage(environment, "rollup", "--check", "--days", "20")
    manage(environment, "rollup")
    assert "0 sessions made" in manage(environment, "rollup")


def wait_until_true_elsewhere(environment):
    """Wait until a process waits for the locked table."""
    waiting = (
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() "
        "AND wait_event_type = 'Lock')"
    )
    with psycopg.connect(environment["ANALYTICS_DATABASE_URL"]) as other:
        wait_until_true(waiting, other)
