"""What is served, against its source"""

import gzip
import re
from pathlib import Path

import brotli
import pytest

from websites.tracker.build import minify
from websites.tracker.script import BROTLI, MINIFIED, SOURCE

ROOT = Path(__file__).parent.parent.parent
README, CHAPTER = ROOT / "README.md", ROOT / "config" / "docs" / "script.md"


def test_what_is_served_is_made_from_the_source():
    """After a change of tracker.js: `make script`."""
    pytest.importorskip("minify", reason="the minifier has wheels for Linux only")
    assert MINIFIED.read_text() == minify(SOURCE.read_text())


def test_the_packed_script_is_the_minified_one():
    assert brotli.decompress(BROTLI.read_bytes()) == MINIFIED.read_bytes()


def test_the_script_is_as_small_as_the_handbook_says():
    minified = MINIFIED.read_bytes()
    packed = gzip.compress(minified, mtime=0)
    sizes = [len(minified), len(packed), len(BROTLI.read_bytes())]
    [line] = re.findall(r"^\| bytes, .*", CHAPTER.read_text(), re.MULTILINE)
    documented = [int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d{3}\b", line)]
    assert documented == sizes
    assert f"has {sizes[-1]:,} bytes as served" in README.read_text()
    assert sizes[-1] <= 3000
