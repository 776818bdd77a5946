"""Greenlets that leave the processor to others, and functions that block"""

import subprocess
import sys

from tests.support.server import ROOT

THREAD = """
from gevent import monkey
monkey.patch_all()
from config.db.cooperative import in_thread
print(in_thread(divmod, 7, 2))
try:
    in_thread(divmod, 7, 0)
except ZeroDivisionError as error:
    print(error)
"""


OTHERS = """
from gevent import monkey
monkey.patch_all()
import socket, time, threading
from config.db.cooperative import let_others_run
mine, other = socket.socketpair()
def respond():
    for _ in range(3):
        time.sleep(0)
    print(mine.recv(1))
threading.Thread(target=respond).start()
other.send(b"1")
let_others_run(5)
print("after the others")
ends_at = time.monotonic() + 0.2
def spin():
    while time.monotonic() < ends_at:
        time.sleep(0)
threading.Thread(target=spin).start()
let_others_run(0.01)
print("in time" if time.monotonic() < ends_at else "late")
"""


def test_others_run_first_but_not_for_ever():
    assert _run(OTHERS).stdout.splitlines() == ["b'1'", "after the others", "in time"]


def test_an_error_in_a_thread_is_raised_and_not_printed():
    """With a full journal there is one for each post."""
    run = _run(THREAD)
    assert run.stdout.splitlines()[0] == "(3, 1)"
    assert "by zero" in run.stdout
    assert run.stderr == ""


def _run(code):
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True, check=True
    )
