"""Output of commands"""

import signal
from io import StringIO

import pytest
from django.core.management import CommandError
from django.core.management.base import OutputWrapper

from config.server.console import columns, progress_bar, size, stoppable


class Terminal(StringIO):
    def isatty(self):
        return True


def test_columns_align_text_left_and_numbers_right():
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


def test_sizes_are_in_a_suitable_unit():
    assert [size(count) for count in (0, 1000, 2_345_678, 3.2e9)] == [
        *("0 Bytes", "1.0 kB", "2.3 MB", "3.2 GB")
    ]


def test_a_terminal_has_a_bar_that_disappears_at_the_end(clock):
    out = Terminal()
    with progress_bar(OutputWrapper(out), 2000) as bar:
        bar.update(100)
        assert out.getvalue() == ""
        clock.move(seconds=2)
        bar.update(400)
        line = "\r 25%|##5       | 500/2000 [00:02<00:06, 250.00 rows/s]"
        assert out.getvalue() == line
    assert out.getvalue().removeprefix(line).strip() == ""
    assert bar.n == 500


def test_a_file_has_a_line_every_ten_seconds(clock):
    out = StringIO()
    with progress_bar(OutputWrapper(out), 100, "months") as bar:
        for _ in range(25):
            clock.move(seconds=1)
            bar.update(4)
    assert out.getvalue().splitlines() == [
        "40%|####      | 40/100 [00:10<00:15,  4.00 months/s]",
        "80%|########  | 80/100 [00:20<00:05,  4.00 months/s]",
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_a_command_with_a_message(number):
    before = signal.getsignal(signal.SIGTERM)
    # A shell lets what it runs in the background ignore Ctrl-C.
    of_the_shell = signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(CommandError) as end, stoppable("Half is done."):
        signal.raise_signal(number)
    signal.signal(signal.SIGINT, of_the_shell)
    assert (str(end.value), end.value.returncode) == ("Stopped. Half is done.", 130)
    assert signal.getsignal(signal.SIGTERM) is before


def test_other_errors_pass():
    with pytest.raises(ValueError, match="its own"), stoppable("Half is done."):
        raise ValueError("its own")
