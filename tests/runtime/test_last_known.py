"""What a host last knew: kept while its disk is full, and made anew when its file is damaged"""

import sqlite3
from contextlib import closing

import pytest

from config import runtime
from config.db import last_known
from config.models import RuntimeSettings
from tests.support.databases import failing
from tests.support.events import PATH, event_of
from websites import lookup

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])


@pytest.fixture
def file(settings, tmp_path):
    settings.VAR_DIR = tmp_path / "var"
    return settings.VAR_DIR / "last_known.db"


def restart():
    runtime.reset()
    lookup.reset()


def test_what_could_not_be_saved_is_saved_once_it_can_be(file):
    RuntimeSettings.objects.create(pk=1, platform_enabled="false")
    runtime.expire()
    runtime.current()
    file.parent.write_text("a file where the folder should be")
    with pytest.raises(OSError, match="exists"):
        last_known.save()
    file.parent.unlink()
    last_known.save()
    restart()
    with failing("default", "the main database is away"):
        assert not runtime.current().platform_enabled
        assert runtime.current().is_known


def test_a_damaged_file_is_made_anew(api, website, file):
    file.parent.mkdir()
    file.write_bytes(b"no database" * 1000)
    api.post(PATH, event_of(website))
    last_known.save()
    assert runtime.is_known_here()
    restart()
    with failing("default", "the main database is away"):
        assert api.post(PATH, event_of(website))["X-Event-Outcome"] == "stored"


@pytest.mark.parametrize("value", ["''", "'7'", "'[]'", "'{'", "7", "x'ff'"])
def test_values_that_are_damaged_are_not_known(api, website, file, value):
    api.post(PATH, event_of(website))
    last_known.save()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"UPDATE known SET value = {value}")
        connection.commit()
    restart()
    with failing("default", "the main database is away"):
        assert api.post(PATH, event_of(website)).status_code == 503
