"""The server without the packages of development"""

import re
import subprocess
import sys
import venv
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest

from tests.support.live_client import event, send_request
from tests.support.migrated_data import first_run_on_migrated_data
from tests.support.processes import temporary_directory
from tests.support.server import ROOT, serving

pytestmark = pytest.mark.slow


def runtime_distributions():
    """Yield what requirements-embedded.txt pins, except what other systems need."""
    requirements = (ROOT / "requirements-embedded.txt").read_text()
    for name in re.findall(r"^([\w.-]+)(?:\[.*\])?==", requirements, re.MULTILINE):
        try:
            yield distribution(name)
        except PackageNotFoundError:
            continue


def top_level_paths(installed: Distribution):
    """Return the modules, packages and metadata of a distribution, without its scripts."""
    tops = {file.parts[0] for file in installed.files or ()} - {"..", "__pycache__"}
    return {Path(str(installed.locate_file(top))) for top in tops}


@pytest.fixture
def runtime_python():
    """An interpreter that sees no distribution but those that `make run` installs."""
    with temporary_directory() as path:
        venv.create(path, symlinks=True)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        packages = path / "lib" / version / "site-packages"
        for each in {top for found in runtime_distributions() for top in top_level_paths(found)}:
            (packages / each.name).symlink_to(each)
        yield str(path / "bin" / "python")


def test_it_serves_and_fills_the_demo_with_the_runtime_packages_alone(runtime_python):
    with temporary_directory() as path:
        environment = first_run_on_migrated_data(path / "var")
        with serving(environment, python=runtime_python) as server:
            sent = event(server.value_of("Tracking code"))
            assert send_request(server.port, "POST", "/api/v1/events", sent).status == 201
            command = [runtime_python, "manage.py", "demo_traffic", "--days", "1"]
            run = subprocess.run(
                command, cwd=ROOT, env=environment, text=True, capture_output=True, check=False
            )
            assert run.returncode == 0, run.stderr
            assert "its statistics" in run.stdout
