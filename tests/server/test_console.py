"""What commands write for people."""

import signal
from io import StringIO

import pytest
from django.core.management import CommandError
from django.core.management.base import OutputWrapper

from config.server.console import (
    Progress,
    columns,
    duration,
    size,
    stoppable,
)


class Terminal(StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still; calling it lets seconds pass."""
    now = [1000.0]
    monkeypatch.setattr("config.server.console.time.monotonic", lambda: now[0])

    def tick(seconds):
        now[0] += seconds

    return tick


def test_columns_have_words_at_the_left_and_numbers_at_the_right():
    rows = [("stream", "rows"), ("event", 1234567), ("pageview", 0)]
    assert list(columns(rows)) == [
        "stream         rows",
        "event     1,234,567",
        "pageview          0",
    ]


def test_columns_have_sizes_at_the_right():
    rows = [("month", "size"), ("2026-10", size(252_700_000)), ("default", size(57_300))]
    assert list(columns(rows)) == [
        "month        size",
        "2026-10  252.7 MB",
        "default   57.3 kB",
    ]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (2_345_678, "2.3 MB"),
        (3.2e9, "3.2 GB"),
        (5e15, "5000.0 TB"),
    ],
)
def test_sizes_are_told_in_the_unit_that_suits_them(count, text):
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00"), (59.6, "1:00"), (754, "12:34"), (3723, "1:02:03")]
)
def test_durations_are_told_as_clocks_do(seconds, text):
    assert duration(seconds) == text


def test_a_terminal_has_one_line_that_changes(clock):
    out = Terminal()
    with Progress(OutputWrapper(out), 2000) as progress:
        progress.advance(100)
        assert out.getvalue() == ""
        clock(2)
        progress.advance(400)
        bar = "######------------------"
        line = f"\r[{bar}]  25%  500 of 2,000 rows  250/s  0:06 left\x1b[K"
        assert out.getvalue() == line
    assert out.getvalue() == line + "\r\x1b[K"
    assert (progress.done, progress.rate) == (500, 250)


def test_a_file_has_a_line_every_ten_seconds(clock):
    out = StringIO()
    with Progress(OutputWrapper(out), 100, "months") as progress:
        for _ in range(25):
            clock(1)
            progress.advance(4)
    lines = out.getvalue().splitlines()
    assert [line.partition("]")[2] for line in lines] == [
        "  40%  40 of 100 months  4/s  0:15 left",
        "  80%  80 of 100 months  4/s  0:05 left",
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_a_command_with_a_sentence(number):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(CommandError) as told, stoppable("Half is done."):
        signal.raise_signal(number)
    assert (str(told.value), told.value.returncode) == ("Stopped. Half is done.", 130)
    assert signal.getsignal(signal.SIGTERM) is before


def test_other_errors_pass():
    with pytest.raises(ValueError, match="its own"), stoppable("Half is done."):
        raise ValueError("its own")
