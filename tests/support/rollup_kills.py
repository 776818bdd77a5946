"""Rollups that are killed, each while it waits for a table"""

import subprocess
import sys

import psycopg

from tests.support.databases import wait_until_true
from tests.support.server import ROOT, manage

# Of the rules, the marks, the events, the visitors, the sessions, the sealed days.
STEPS = (
    *("analytics_websiterules", "analytics_dirtyrange", "analytics_event"),
    *("analytics_websitevisitor", "analytics_websitesession", "analytics_daycolumn"),
    *("analytics_breakdown", "analytics_visitorset"),
)
STORE_EVENTS = """
from tests.support.rollup_load import Writer
from websites.models import User, Website

user = User.objects.create_user("user@example.com")
website = Website.objects.create(user=user, domain="example.com", name="My Website")
for number in range(30):
    Writer(website, number).write()
"""


def kill_rollups_at(environment, tables):
    """Kill a rollup at each table: whatever it has done, the next makes all sessions right."""
    manage(environment, "shell", "-c", STORE_EVENTS)
    with psycopg.connect(environment["ANALYTICS_DATABASE_URL"]) as database:
        for table in tables:
            database.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            command = [sys.executable, "manage.py", "rollup"]
            with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
                wait_until_true_elsewhere(environment)
                process.kill()
            database.rollback()
    assert "all are right" in manage(environment, "rollup", "--check", "--days", "20")
    assert "0 sessions made" in manage(environment, "rollup")


def wait_until_true_elsewhere(environment):
    """Wait until a process waits for the locked table."""
    waiting = (
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() "
        "AND wait_event_type = 'Lock')"
    )
    with psycopg.connect(environment["ANALYTICS_DATABASE_URL"]) as other:
        wait_until_true(waiting, other)
