"""When `serve` starts the daily maintenance"""

import subprocess
from datetime import UTC, datetime

import pytest

from config.server import daily

NOON = datetime(2031, 3, 5, 12, tzinfo=UTC)


class Child:
    """A process that ends when a test says so."""

    def __init__(self):
        self.code = None
        self.signals = []

    def poll(self):
        return self.code

    def wait(self, timeout=None):
        if self.code is None and "KILL" not in self.signals:
            raise subprocess.TimeoutExpired("manage.py", timeout)

    def terminate(self):
        self.signals.append("TERM")

    def kill(self):
        self.signals.append("KILL")


@pytest.fixture
def started(monkeypatch, clock, settings):
    """The children that were started."""
    clock.set(NOON)
    settings.MAINTENANCE = "daily"
    children = []

    def start(command, **options):
        assert command[1:] == ("manage.py", "maintenance")
        children.append(Child())
        return children[-1]

    monkeypatch.setattr("config.server.child.subprocess.Popen", start)
    return children


@pytest.fixture
def maintenance(started):
    return daily.Maintenance()


def test_it_starts_at_once_and_then_once_a_day_of_utc(maintenance, started, clock):
    maintenance.tick()
    started[0].code = 0
    for _ in range(3):
        maintenance.tick()
    assert len(started) == 1
    clock.move(hours=11, minutes=59)
    maintenance.tick()
    assert len(started) == 1
    clock.move(minutes=1)
    maintenance.tick()
    assert len(started) == 2


def test_a_run_that_takes_until_tomorrow_is_followed_by_that_of_tomorrow(
    maintenance, started, clock
):
    maintenance.tick()
    clock.move(hours=13)
    maintenance.tick()
    assert len(started) == 1
    started[0].code = 0
    maintenance.tick()
    maintenance.tick()
    assert len(started) == 2


@pytest.mark.parametrize("code", [1, 75, -9])
def test_a_run_that_did_not_come_to_its_end_is_tried_again(maintenance, started, clock, code):
    maintenance.tick()
    started[0].code = code
    maintenance.tick()
    clock.move(seconds=daily.RETRY_SECONDS - 1)
    maintenance.tick()
    assert len(started) == 1
    clock.move(seconds=1)
    maintenance.tick()
    assert len(started) == 2


@pytest.mark.parametrize(("code", "lines"), [(1, 0), (75, 0), (-9, 1)])
def test_only_an_end_that_nothing_explains_is_logged(maintenance, started, caplog, code, lines):
    maintenance.tick()
    started[0].code = code
    maintenance.tick()
    assert caplog.messages == [f"Maintenance ended with exit code {code}"] * lines


def test_a_machine_without_room_for_a_process_is_no_obstacle(
    maintenance, started, clock, caplog, monkeypatch
):
    def refuse(command, **options):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    with monkeypatch.context() as patch:
        patch.setattr("config.server.child.subprocess.Popen", refuse)
        for _ in range(2):
            maintenance.tick()
    [message] = caplog.messages
    assert message.endswith("Resource temporarily unavailable")
    clock.move(seconds=daily.RETRY_SECONDS)
    maintenance.tick()
    assert len(started) == 1


def test_it_can_be_turned_off(maintenance, started, settings):
    settings.MAINTENANCE = "off"
    maintenance.tick()
    assert started == []


def test_the_end_of_the_server_stops_a_run(started):
    with daily.Maintenance() as maintenance:
        maintenance.tick()
        maintenance.terminate()
    assert started[0].signals == ["TERM", "TERM", "KILL"]
    with daily.Maintenance() as maintenance:
        pass  # no run, nothing to stop
