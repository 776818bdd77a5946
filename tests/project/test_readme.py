"""The README against the code"""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands
from django.urls import resolve

from config import views
from config.models import RuntimeSettings

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
DOCS = README + "".join(path.read_text() for path in (ROOT / "config" / "docs").glob("*.md"))


def section(title):
    """Return the text of a section."""
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def names_in_table(title):
    """Return what the first column of a section's table names."""
    first_cells = re.findall(r"^\|([^|]+)\|", section(title), re.MULTILINE)
    return {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)}


def test_the_settings_table_names_every_setting_that_is_read_and_no_other():
    source = (ROOT / "config" / "settings.py").read_text()
    assert names_in_table("Settings") == set(re.findall(r'env\.\w+\(\s*"(\w+)"', source))


def test_the_switches_table_names_runtime_settings():
    assert names_in_table("Switches") <= set(RuntimeSettings.names())


PATHS = re.findall(r"`(?:GET |POST )?(/(?!etc/|srv/|var/)[\w/:]+)`", DOCS)  # URLs, no files


@pytest.mark.parametrize("path", sorted(set(PATHS)))
def test_every_path_that_it_names_is_served(path):
    assert resolve(path).func is not views.unknown_path


@pytest.mark.parametrize("command", sorted(set(re.findall(r"manage\.py (\w+)", DOCS))))
def test_every_command_that_it_names_exists(command):
    assert command in get_commands()


@pytest.mark.parametrize(
    "file", re.findall(r"^\| `([\w/]+\.py)` \|", section("Life of an event"), re.MULTILINE)
)
def test_every_file_on_the_way_of_an_event_is_there(file):
    assert (ROOT / file).is_file()


@pytest.mark.parametrize(
    "link", sorted(set(re.findall(r"\]\((config/docs/\w+\.md|LICENSE)", README)))
)
def test_every_chapter_that_it_links_is_there(link):
    assert (ROOT / link).is_file()
