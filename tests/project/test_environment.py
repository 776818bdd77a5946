"""Invalid settings of the environment"""

import os
import subprocess
import sys

import pytest

from tests.support.server import ROOT


def settings_error(**environment):
    """Return what a start with these variables says; it must not succeed."""
    run = subprocess.run(
        [sys.executable, "-c", "import config.settings"], env=os.environ | environment, text=True,
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stdout) == (1, "")
    return run.stderr.strip()


@pytest.mark.parametrize("text", ["https://app.example/", "app.example", "null", "https://a.b,x"])
def test_what_is_no_origin_is_named(text):
    said = settings_error(CORS_ALLOWED_ORIGINS=text)
    assert said == (
        "Settings: CORS_ALLOWED_ORIGINS must list origins like https://app.example, or *: "
        f"'{text.rpartition(',')[2]}' is not an origin."
    )


@pytest.mark.parametrize("level", ["loud", "debug", "", "10"])
def test_a_log_level_that_is_none_is_rejected_with_those_that_are(level):
    assert settings_error(LOG_LEVEL=level) == (
        "Settings: LOG_LEVEL: Must be one of: DEBUG, INFO, WARNING, ERROR, CRITICAL."
    )
