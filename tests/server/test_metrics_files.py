"""Files in which workers share their metrics"""

import errno
import os
from contextlib import closing

import pytest
from prometheus_client.mmap_dict import MmapedDict

from config.server.metrics_files import FIRST_BYTES, ReservedDict

KEYS = [f"{n:0>1000}" for n in range(100)]  # which need 128 KiB


@pytest.fixture
def path(tmp_path):
    return tmp_path / "counter_1.db"


def fill(values):
    for number, key in enumerate(KEYS):
        values.write_value(key, number, 0.0)
        assert values.read_value(key) == (number, 0.0)


def shown(path):
    """Return what the worker that responds reads of another one's file."""
    return {key.strip(): value for key, value, *_ in MmapedDict.read_all_values_from_file(path)}


def test_a_file_has_the_room_that_is_written(path):
    with closing(ReservedDict(str(path))) as values:
        assert path.stat().st_blocks * 512 >= FIRST_BYTES
        fill(values)
    assert path.stat().st_blocks * 512 >= 2 * FIRST_BYTES
    assert shown(path) == {key: number for number, key in enumerate(KEYS)}
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("first", [0, FIRST_BYTES])
def test_without_room_a_worker_counts_for_itself(path, monkeypatch, caplog, first):
    reserve = os.posix_fallocate

    def fail(descriptor, offset, size):
        if size > first:
            raise OSError(errno.ENOSPC, f"No space left for {size}")
        reserve(descriptor, offset, size)

    monkeypatch.setattr(os, "posix_fallocate", fail)
    with closing(ReservedDict(str(path))) as values:
        fill(values)
    assert path.exists() == bool(first)
    assert len({record.message for record in caplog.records}) == len(caplog.records) == 1
    assert "Metrics of this worker are not shown until it restarts" in caplog.text


def test_the_file_of_an_earlier_process_with_the_same_id_goes_on(path):
    with closing(ReservedDict(str(path))) as values:
        fill(values)
    with closing(ReservedDict(str(path))) as again:
        assert again.read_value(KEYS[-1]) == (99, 0.0)
