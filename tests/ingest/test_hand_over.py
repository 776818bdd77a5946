"""Hand-over between requests and a writer, whether requests are threads or greenlets"""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
if sys.argv[1] == "greenlets":
    from gevent import monkey
    monkey.patch_all()
import threading
import time
import django
django.setup()
from analytics.events.ingest import TABLE
from analytics.ingest import commit, writer
from config.api.outcomes import Outcome

groups, stored = [], []

def store(target, group):
    groups.append(group)
    time.sleep(0.002)
    return [[Outcome.STORED] * len(items) for items in group]

def request(number):
    for n in range(50):
        stored.extend(writer.write(TABLE, [(number, n)]))

commit.store_group = store
request(0)  # one after another
threads = [threading.Thread(target=request, args=[number]) for number in range(1, 20)]
for each in threads:
    each.start()
for each in threads:
    each.join()
writer.drain()
assert writer.state("analytics").waiting_rows == 0
assert writer.state("analytics").committed_rows == 1000
rows = [row for group in groups for items in group for row in items]
print(stored.count(Outcome.STORED), len(rows), len(set(rows)), len(groups) < 500)
"""


@pytest.mark.parametrize("kind", ["threads", "greenlets"])
def test_each_request_gets_its_outcome_once_it_is_stored(kind):
    if kind == "greenlets":
        pytest.importorskip("gevent")
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, kind],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (run.stdout, run.stderr) == ("1000 1000 1000 True\n", "")
