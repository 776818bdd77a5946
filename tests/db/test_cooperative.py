"""Functions that block, called in a thread of gevent's"""

import subprocess
import sys

from tests.support.server import ROOT

CODE = """
from gevent import monkey
monkey.patch_all()
from config.db.cooperative import in_thread
print(in_thread(divmod, 7, 2))
try:
    in_thread(divmod, 7, 0)
except ZeroDivisionError as error:
    print(error)
"""


def test_an_error_in_a_thread_is_raised_and_not_printed():
    """With a full journal there is one for each post."""
    run = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, text=True, capture_output=True, check=True
    )
    assert run.stdout.splitlines()[0] == "(3, 1)"
    assert "by zero" in run.stdout
    assert run.stderr == ""
