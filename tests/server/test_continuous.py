"""When `serve` starts the rollup"""

import pytest

from config.server import continuous


class Process:
    """A process that ends when a test says so."""

    def __init__(self):
        self.code = None
        self.signals = []

    def poll(self):
        return self.code

    def wait(self, timeout=None):
        """End at once."""

    def terminate(self):
        self.signals.append("TERM")


@pytest.fixture
def started(monkeypatch, clock, settings):
    """The processes that were started."""
    settings.MAINTENANCE = "daily"
    processes = []

    def start(command, **options):
        assert command[1:] == ("manage.py", "rollup", "--forever")
        processes.append(Process())
        return processes[-1]

    monkeypatch.setattr("config.server.child.subprocess.Popen", start)
    return processes


def test_it_runs_all_the_time(started):
    rollup = continuous.Rollup()
    for _ in range(3):
        rollup.tick()
    assert len(started) == 1


def test_it_starts_again_after_its_end(started, clock, caplog):
    rollup = continuous.Rollup()
    rollup.tick()
    started[0].code = -9
    rollup.tick()
    rollup.tick()
    assert len(started) == 1
    assert caplog.messages == ["The rollup ended with exit code -9; it starts again."]
    clock.move(seconds=continuous.RESTART_SECONDS)
    rollup.tick()
    assert len(started) == 2


def test_a_machine_without_room_for_a_process_is_no_obstacle(started, clock, caplog, monkeypatch):
    def refuse(command, **options):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    rollup = continuous.Rollup()
    with monkeypatch.context() as patch:
        patch.setattr("config.server.child.subprocess.Popen", refuse)
        for _ in range(2):
            rollup.tick()
    [message] = caplog.messages
    assert message.endswith("Resource temporarily unavailable")
    clock.move(seconds=continuous.RESTART_SECONDS)
    rollup.tick()
    assert len(started) == 1


def test_it_can_be_turned_off(started, settings):
    settings.MAINTENANCE = "off"
    continuous.Rollup().tick()
    assert started == []


def test_the_end_of_the_server_stops_it(started):
    with continuous.Rollup() as rollup:
        rollup.tick()
        rollup.terminate()
    assert started[0].signals == ["TERM", "TERM"]
