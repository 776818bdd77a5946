"""The analytics database on a real cluster, from its distribution to retention"""

import json
import re
import subprocess
import time
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.bench.figures import row
from tests.support import citus
from tests.support.live_client import register, send_request
from tests.support.load import load_on
from tests.support.processes import kill_all, temporary_directory, wait_until
from tests.support.server import (
    ROOT,
    SERVE,
    generate_traffic,
    manage,
    migrate,
    production_environment,
    serving,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not citus.URL, reason="CITUS_URL names no coordinator of a cluster"),
]
ROWS = 4000  # of all streams
SHARDS = str(citus.SHARDS)
LOADED = 100  # events that are posted before the next step
STREAMS = (
    "analytics_event",
    "analytics_session",
    "analytics_pageview",
    "analytics_platformevent",
    "analytics_collectedevent",
)
IS_COPYING = "SELECT EXISTS (SELECT FROM pg_dist_partition WHERE partmethod = 'h')"


@pytest.fixture
def environment(postgres):
    """A server in production, whose analytics database is on the coordinator, with rows."""
    with temporary_directory() as var_dir, citus.database() as url:
        found = production_environment(var_dir, main_url=postgres.main_url, analytics_url=url)
        migrate(found)
        generate_traffic(found, events=ROWS)
        with psycopg.connect(url) as database:
            database.execute("ANALYZE")  # its last rows are estimated twice until then
        citus.join(urlsplit(url).path[1:])
        yield found | {"SPOOL_BYTES": "100000000"}


def test_it_is_distributed_beside_posts_and_then_does_what_one_server_does(environment, tmp_path):
    url = environment["ANALYTICS_DATABASE_URL"]
    before = counts(url)
    plan = manage(environment, "distribute", "--dry-run")
    [rows] = re.findall(r"^analytics_event +([\d,]+)", plan, re.MULTILINE)
    assert int(rows.replace(",", "")) == pytest.approx(before["analytics_event"], rel=0.1)
    with serving(environment) as server:
        token = register(server.port)
        site = new_site(server.port, token)
        with load_on(server.port, site["trackingCode"], clients=4) as load:
            load.wait_for_more(LOADED)
            distribute_with_a_kill(environment, url)
            load.wait_for_more(LOADED)
        assert load.failures == 0
        wait_until(lambda: not spooled_rows(server.port), seconds=120)
        load.assert_kept_once(url)
        after = counts(url)
        after["analytics_event"] -= len(load.acknowledged)
        assert after == before
        assert "0 tables to distribute" in manage(environment, "distribute", "--dry-run")
        manage(environment, "rollup", "--website", site["id"])
        answer = ask(server.port, site, token, "stats?period=7d&by=page&metrics=pageviews")
        assert answer["totals"]["metrics"]["pageviews"] == len(load.acknowledged), answer
        assert ask(server.port, site, token, "live")["visitors"] == 1
        copy = new_site(server.port, token, "copy.example")
        move(environment, site, copy, tmp_path / "events.jsonl")
        pages = ask(server.port, copy, token, "stats?period=7d&by=page&metrics=pageviews")
        assert pages["totals"] == answer["totals"]
    forget_a_visitor(environment, site)
    keep_up(environment, site)


def distribute_with_a_kill(environment, url):
    """Begin, be killed while tables are copied, and do the rest."""
    command = [SERVE[0], "manage.py", "distribute", "--shards", SHARDS]
    first = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    with first:
        wait_until(lambda: value(url, IS_COPYING))
        kill_all(first.pid)
    started = time.monotonic()
    assert "tables distributed" in manage(environment, "distribute", "--shards", SHARDS)
    row("seconds of distribute, after a kill", time.monotonic() - started)


def move(environment, site, copy, file):
    """Copy the events of a website into another, twice; the second time adds nothing."""
    manage(environment, "export", site["id"], "--output", str(file))
    imported = [
        manage(environment, "import", str(file), "--website", copy["id"], "--new-ids")
        for _ in range(2)
    ]
    url = environment["ANALYTICS_DATABASE_URL"]
    count = "SELECT count(*) FROM analytics_event WHERE website_id = %s"
    assert value(url, count, copy["id"]) == value(url, count, site["id"]), imported


def forget_a_visitor(environment, site):
    """Find the events of the only visitor, and erase them."""
    one = ("visitor", "--website", site["id"])
    rows = [json.loads(line) for line in manage(environment, "export_person", *one).splitlines()]
    url = environment["ANALYTICS_DATABASE_URL"]
    count = "SELECT count(*) FROM analytics_event WHERE website_id = %s"
    assert len(rows) >= value(url, count, site["id"]) > 0
    manage(environment, "erase_person", *one, "--yes")
    assert value(url, count, site["id"]) == 0


def keep_up(environment, site):
    """Run what an operator runs."""
    one = ("--website", site["id"])
    manage(environment, "rollup", "--check", *one)
    manage(environment, "rollup", "--rebuild", *one)
    manage(environment, "rollup", "--check", *one)
    manage(environment, "partitions")
    assert re.search(
        r"^event +\d{4}-\d\d", manage(environment, "partitions", "--list"), re.MULTILINE
    )
    manage(environment, "retention", "--stream", "event", "--older-than", "90d")
    manage(environment, "retention")


def counts(url):
    """Return the numbers of rows of tables into which only the load posts meanwhile."""
    return {table: value(url, f"SELECT count(*) FROM {table}") for table in STREAMS}


def value(url, statement, *values):
    with psycopg.connect(url) as database:
        [[found]] = database.execute(statement, values).fetchall()
    return found


def spooled_rows(port):
    return send_request(port, "GET", "/health/ready").json["spool"]["rows"]


def new_site(port, token, domain="load.example"):
    fields = {"name": "Live", "domain": domain}
    return send_request(port, "POST", "/api/v1/websites", fields, token=token).json


def ask(port, site, token, path):
    response = send_request(port, "GET", f"/api/v1/websites/{site['id']}/{path}", token=token)
    assert response.status == 200, response
    return response.json
