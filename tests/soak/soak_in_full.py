"""Tests of generated examples and of kills, four times as long as in `make test`"""

import os
import subprocess
import sys

from tests.support.in_full import IN_FULL
from tests.support.server import OF_THE_SUITE, ROOT


def test_they_pass_in_full():
    inherited = {name: value for name, value in os.environ.items() if name not in OF_THE_SUITE}
    command = [sys.executable, "-m", "pytest", "-m", "in_full", "--durations=20"]
    subprocess.run(command, cwd=ROOT, env=inherited | {IN_FULL: "1"}, check=True)
