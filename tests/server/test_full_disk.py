"""The guard of the embedded server's disk, and the restart of PostgreSQL on a full one"""

import shutil
from types import SimpleNamespace

import pytest

from activity.models import ActivityEvent
from analytics.events.models import Event
from analytics.ingest.spool import spooling
from config.db.postgres_programs import EmbeddedPostgresError
from config.server import disk_guard
from config.server.revival import RETRY_SECONDS, Revival
from tests.support.events import BATCH_PATH, PATH, UNAVAILABLE, WRITE_FAILED, event_of
from tests.support.responses import assert_response

BOTH = pytest.mark.django_db(databases=["default", "analytics"])
MB = 1_000_000
DATABASES = {"default": "unavailable", "analytics": "unavailable"}


@pytest.fixture
def set_free(monkeypatch, settings):
    """Set how much of a disk of 4 GB is free, of which 250 MB stay so."""
    settings.EMBEDDED = True

    def change(free):
        usage = SimpleNamespace(free=free, total=4000 * MB)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
        return disk_guard.look()

    return change


@BOTH
def test_while_it_is_full_nothing_is_taken_in_and_the_service_says_so(
    api, website, set_free, staff_api
):
    set_free(249 * MB)
    response = api.post(PATH, event_of(website))
    assert_response(response, 503, UNAVAILABLE, WRITE_FAILED | {"Retry-After": "5"})
    assert api.post(BATCH_PATH, {"events": [event_of(website)]}).status_code == 503
    session = {"visitorId": "v", "consentAnalytics": "granted"}
    response = api.post("/api/v1/analytics/session", session)
    assert (response.status_code, response.json()["data"]) == (200, {"id": None})
    assert not Event.objects.exists()
    assert not spooling.has_room()
    assert not ActivityEvent.objects.exists()
    ready = api.get("/health/ready")
    assert (ready.status_code, ready.json()["databases"]) == (503, DATABASES)
    assert api.get("/health/live").status_code == 200
    assert "is full: no events are taken in" in staff_api.get("/admin/").content.decode()
    assert api.get(PATH, {"trackingCode": website.tracking_code}).status_code == 200
    set_free(400 * MB)
    assert api.post(PATH, event_of(website)).status_code == 201
    assert api.get("/health/ready").status_code == 200
    assert "is full" not in staff_api.get("/admin/").content.decode()


def test_it_stops_and_starts_at_different_marks_and_warns_once(set_free, caplog):
    free = [250 * MB, 249 * MB, 249 * MB, 312 * MB, 313 * MB, 250 * MB]
    assert [set_free(each) for each in free] == [False, True, True, True, False, False]
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert "with 249.0 MB left nothing is taken in" in caplog.text


@pytest.mark.parametrize(("total", "reserve"), [(260, 64), (1600, 100), (4000, 250), (10**6, 256)])
def test_the_reserve_is_a_sixteenth_within_bounds(total, reserve):
    assert disk_guard.reserve_bytes(total * MB) == reserve * MB


def test_the_disks_of_other_servers_are_not_known(set_free, settings):
    settings.EMBEDDED = False
    assert set_free(0) is False


def test_a_disk_that_cannot_be_asked_changes_nothing(set_free, monkeypatch, caplog):
    def fail(path):
        raise OSError("gone")

    set_free(0)
    monkeypatch.setattr(shutil, "disk_usage", fail)
    assert disk_guard.look() is True
    assert caplog.text.endswith("is not known: gone\n")


@pytest.mark.parametrize("error", [EmbeddedPostgresError("no room"), OSError("no room")])
def test_a_server_that_cannot_be_started_is_tried_again(clock, caplog, error):
    tries = []

    def revive():
        tries.append(clock.monotonic())
        if len(tries) < 3:
            raise error

    revival = Revival(revive)
    for _ in range(2 * RETRY_SECONDS + 1):
        revival.tick()
        clock.move(seconds=1)
    assert len(tries) == 3
    assert [record.getMessage() for record in caplog.records] == [
        "PostgreSQL cannot be started now, which is tried again: no room"
    ] * 2
