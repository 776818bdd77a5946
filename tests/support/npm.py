"""A package of npm's registry, pinned by its hash"""

import base64
import hashlib
import shutil
import subprocess
import tarfile
from functools import cache
from pathlib import Path

import pytest

from tests.support.processes import TIMEOUT_SECONDS, temporary_directory

ROUTER = "navigo@8.11.1"
ROUTER_SHA512 = (
    "e3sc1UzakF+bWquC8/dbPCgo7LgPEW1ekgwb4pmEcl8tOc/I7lML8r7HBql+b0VRk7tJWTZqtkeObwJAVR1pxg=="
)


@cache
def router_script() -> str:
    """Return the script of a router for single pages; skip the test where there is no registry."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm here: apt-get install npm")
    with temporary_directory() as folder:
        command = [npm, "pack", ROUTER, "--silent", "--pack-destination", str(folder)]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT_SECONDS)
        except (subprocess.SubprocessError, OSError):
            pytest.skip("npm's registry is out of reach")
        return _script_in(next(folder.glob("*.tgz")))


def _script_in(package: Path) -> str:
    digest = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    assert digest == ROUTER_SHA512, f"{ROUTER} is not what it was"
    with tarfile.open(package) as archive:
        script = archive.extractfile("package/lib/navigo.min.js")
        assert script
        return script.read().decode()
