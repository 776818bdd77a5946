"""Load for the benchmark: wrk where it is installed, else a slower generator of our own."""

import http.client
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 60  # of an answer; after two wrk itself would count a slow one as failed

# Posts the lines of a file, one after the other, again and again.
WRK_SCRIPT = """
local bodies, cookies, turn = {}, {COOKIES}, 0
for line in io.lines("BODIES") do bodies[#bodies + 1] = line end
wrk.method = "POST"
HEADERS
function request()
  turn = turn + 1
  if #cookies > 0 then wrk.headers["Cookie"] = cookies[turn % #cookies + 1] end
  return wrk.format(nil, nil, nil, bodies[turn % #bodies + 1])
end
function done(summary, latency)
  local bad = summary.errors.connect + summary.errors.read + summary.errors.write
    + summary.errors.status + summary.errors.timeout
  print(string.format("RESULT %d %d %d %f %f %f", summary.requests, bad, summary.duration,
    latency.mean, latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What a load did: requests, how many failed, successes a second, times of an answer."""

    requests: int
    failed: int
    per_second: float
    mean_ms: float
    p50_ms: float
    p99_ms: float


def name() -> str:
    """Return the name of the generator that `post` uses."""
    return "wrk" if shutil.which("wrk") else "tests/bench/generator.py, slower than wrk"


def post(
    url: str,
    bodies: Sequence[bytes],
    *,
    connections: int,
    seconds: int,
    headers: Mapping[str, str] | None = None,
    cookies: Sequence[str] = (),
    pause_ms: int = 0,
) -> Load:
    """Post JSON bodies in turn over a number of connections, for a number of seconds.

    Cookies are sent in turn too, each as the header of one request. Before each request a
    connection pauses for a time of its own, `pause_ms` on average.
    """
    sent = {"Content-Type": "application/json", **(headers or {})}
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
        file.write(b"\n".join(bodies))
        file.flush()
        if shutil.which("wrk"):
            return _wrk(
                url, file.name, sent, cookies,
                connections=connections, seconds=seconds, pause_ms=pause_ms,
            )  # fmt: skip
        # In a process of its own, so that it does not share an interpreter with anything.
        numbers = [str(connections), str(seconds), str(pause_ms)]
        named = [json.dumps(sent), json.dumps([*cookies])]
        command = [sys.executable, __file__, url, file.name, *named, *numbers]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return Load(**json.loads(done.stdout))


def _wrk(
    url: str,
    path: str,
    headers: Mapping[str, str],
    cookies: Sequence[str],
    *,
    connections: int,
    seconds: int,
    pause_ms: int,
) -> Load:
    lines = [f"wrk.headers[{json.dumps(k)}] = {json.dumps(v)}" for k, v in headers.items()]
    turns = ", ".join(map(json.dumps, cookies))
    text = WRK_SCRIPT.replace("BODIES", path).replace("HEADERS", "\n".join(lines))
    if pause_ms:
        text += f"function delay() return math.random(0, {2 * pause_ms}) end\n"
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(text.replace("COOKIES", turns))
        script.flush()
        counts = ["-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={TIMEOUT_SECONDS}s"]
        command = ["wrk", *counts, "-s", script.name, url]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"RESULT (\d+) (\d+) (\d+) ([\d.]+) ([\d.]+) ([\d.]+)", done.stdout)
    if found is None:
        raise RuntimeError(done.stdout + done.stderr)
    requests, failed, microseconds, mean, p50, p99 = map(float, found.groups())
    per_second = (requests - failed) * 1e6 / microseconds
    return Load(int(requests), int(failed), per_second, mean / 1000, p50 / 1000, p99 / 1000)


def _own(
    url: str,
    bodies: Sequence[bytes],
    headers: Mapping[str, str],
    cookies: Sequence[str],
    *,
    connections: int,
    seconds: int,
    pause_ms: int,
) -> Load:
    started = time.perf_counter()
    times: list[float] = []
    failures: list[int] = []

    def run(turn: int) -> None:
        target = urlsplit(url)
        link = http.client.HTTPConnection(target.netloc, timeout=30)
        while (now := time.perf_counter()) < started + seconds:
            if pause_ms:
                time.sleep(random.uniform(0, 2 * pause_ms) / 1000)
                now = time.perf_counter()
            cookie = {"Cookie": cookies[turn % len(cookies)]} if cookies else {}
            link.request("POST", target.path, bodies[turn % len(bodies)], {**headers, **cookie})
            answer = link.getresponse()
            answer.read()
            times.append((time.perf_counter() - now) * 1000)
            if answer.status >= 300:
                failures.append(answer.status)
            turn += connections

    threads = [threading.Thread(target=run, args=[turn]) for turn in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    per_second = (len(times) - len(failures)) / (time.perf_counter() - started)
    times.sort()
    p50, p99 = (times[int(len(times) * part)] for part in (0.5, 0.99))
    return Load(len(times), len(failures), per_second, sum(times) / len(times), p50, p99)


if __name__ == "__main__":
    where, file_name, named, kept, links, duration, pause = sys.argv[1:]
    lines = Path(file_name).read_bytes().splitlines()
    turns = {"connections": int(links), "seconds": int(duration), "pause_ms": int(pause)}
    load = _own(where, lines, json.loads(named), json.loads(kept), **turns)
    print(json.dumps(asdict(load)))
