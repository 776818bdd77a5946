"""Settings as a start reads them from the environment"""

import os
import subprocess
import sys

from tests.support.server import ROOT


def settings_error(**environment):
    """Return what a start with these variables says; it must not succeed."""
    run = subprocess.run(
        [sys.executable, "-c", "import config.settings"], env=os.environ | environment, text=True,
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stdout) == (1, "")
    return run.stderr.strip()
