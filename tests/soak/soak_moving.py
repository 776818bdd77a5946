"""Export and import of many events by real processes, which are killed now and then

Whatever is killed and repeated, the copy has every event once, and little is in memory.
"""

import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass

import psycopg

from analytics.moving.formats import FORMATS
from tests.bench.figures import row
from tests.support.client_contexts import CHROME
from tests.support.live_client import new_website, register
from tests.support.server import ROOT, manage, serving

DAYS = 150
LOG_LINES = 300_000
MOST_MEGABYTES = 400
KILLS = 3
LOG_LINE = '203.0.{}.{} - - [{}] "GET /blog/a-{} HTTP/1.1" 200 512 "https://news.example/" "{}"\n'
# Everything but ids: of the events of a website, and of the contexts beside them.
EVENTS = """
SELECT count(*), sum(hashtextextended(concat_ws('|', created_at, event_type, url, referrer,
       session_id, visitor_id, device_type, browser, os, location, properties::text), 0))
  FROM analytics_event WHERE website_id = %s
"""
CONTEXTS = """
SELECT count(*), sum(hashtextextended(concat_ws('|', created_at, session_id, country, region, city,
       browser, browser_version, os, os_version, device, language, screen, is_bot), 0))
  FROM analytics_clientcontext WHERE website_id = %s
"""


@dataclass(frozen=True, slots=True)
class Run:
    """A command that has ended."""

    seconds: float
    cpu_seconds: float
    megabytes: float


def test_copies_are_whole_whatever_is_killed(environment, postgres, tmp_path):
    with serving(environment) as server, psycopg.connect(postgres.main_url) as main:
        token = register(server.port)
        codes = [new_website(server.port, token) for _ in range(5)]
        ids = [id_of(main, code) for code in codes]
    manage(environment, "demo_traffic", "--website", ids[0], "--days", str(DAYS))
    with psycopg.connect(postgres.analytics_url, autocommit=True) as database:
        expected = contents(database, ids[0])
        events = expected[0][0]
        row("events", events)
        for format, copy in zip(FORMATS, ids[1:], strict=False):
            file = tmp_path / f"events.{format}"
            export = ["export", ids[0], "--output", str(file)]
            killed = kill_some(environment, export, seconds=1.5)
            tell(f"export {format}, killed {killed} times", events, run(environment, export))
            resumed = file.read_bytes()
            file.unlink()
            tell(f"export {format}", events, run(environment, export))
            assert file.read_bytes() == resumed
            load = ["import", str(file), "--website", copy, "--new-ids"]
            tell("  dry run of its import", events, run(environment, [*load, "--dry-run"]))
            kill_some(environment, load, seconds=3)
            run(environment, load)
            assert contents(database, copy) == expected
            tell("  repeated import, all are there", events, run(environment, load))
            assert contents(database, copy) == expected
            database.execute("DELETE FROM analytics_event WHERE website_id = %s", [copy])
            database.execute("DELETE FROM analytics_clientcontext WHERE website_id = %s", [copy])
            tell("  import", events, run(environment, load))
            assert contents(database, copy) == expected
        log = tmp_path / "access.log"
        log.write_text("".join(map(log_line, range(LOG_LINES))))
        load = ["import", str(log), "--format", "access-log", "--website", ids[4]]
        tell("import of an access log", LOG_LINES, run(environment, load))
        assert contents(database, ids[4])[0][0] == LOG_LINES


def contents(database, website_id):
    """Return the numbers of a website's events and contexts, and a sum over what they are."""
    return [database.execute(query, [website_id]).fetchone() for query in (EVENTS, CONTEXTS)]


def id_of(database, code):
    query = "SELECT id FROM websites_website WHERE tracking_code = %s"
    return str(database.execute(query, [code]).fetchone()[0])


def log_line(number):
    second = number // 20
    clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    at = f"28/Jan/2026:{clock} +0000"
    return LOG_LINE.format(number // 5 % 250, number % 5, at, number % 97, CHROME)


def kill_some(environment, arguments, *, seconds):
    """Start a command and kill it, some times; return how often it had not ended before."""
    kills = 0
    for _ in range(KILLS):
        process = start(environment, arguments)
        time.sleep(seconds * (1 + random.random()))
        kills += process.poll() is None
        process.kill()
        process.wait()
    return kills


def run(environment, arguments):
    started = time.monotonic()
    process = start(environment, arguments)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    cpu = usage.ru_utime + usage.ru_stime
    return Run(time.monotonic() - started, cpu, usage.ru_maxrss / 1024)


def start(environment, arguments):
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)


def tell(name, events, run):
    assert run.megabytes < MOST_MEGABYTES
    figures = f"events/s, {events / run.cpu_seconds:,.0f} a CPU second, {run.megabytes:.0f} MB"
    row(name, events / run.seconds, figures)
