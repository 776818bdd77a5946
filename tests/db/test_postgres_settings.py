"""Settings of the embedded PostgreSQL, within the memory and disk of the machine"""

import os
import shutil
from types import SimpleNamespace

import psycopg
import pytest

from config.db import postgres_settings
from config.db.embedded_postgres import EmbeddedPostgres, database_url
from config.db.postgres_settings import fitting_settings, memory_bytes
from tests.support.processes import temporary_directory

GB, MB = 2**30, 2**20


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine of 16 GB with 100 GB of free disk and no control groups; a test may change it."""

    def change(memory=16 * GB, free=100 * GB):
        pages = {"SC_PHYS_PAGES": memory // 4096, "SC_PAGE_SIZE": 4096}
        monkeypatch.setattr(os, "sysconf", pages.__getitem__)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))

    monkeypatch.setattr(postgres_settings, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(postgres_settings, "OWN_CGROUP", tmp_path / "own")
    change()
    return change


def sizes(directory):
    settings = fitting_settings(directory)
    return settings["shared_buffers"], settings["max_wal_size"]


@pytest.mark.parametrize(
    ("memory", "buffers"),
    [(64 * GB, "512MB"), (4 * GB, "512MB"), (1 * GB, "128MB"), (64 * MB, "16MB")],
)
def test_buffers_are_an_eighth_of_the_memory_and_at_most_512_mb(machine, tmp_path, memory, buffers):
    machine(memory=memory)
    assert sizes(tmp_path) == (buffers, "8192MB")


@pytest.mark.parametrize(
    ("free", "wal"),
    [(900 * GB, "8192MB"), (16 * GB, "2048MB"), (2 * GB, "256MB"), (0, "32MB")],
)
def test_the_log_is_an_eighth_of_the_free_disk_and_at_most_8_gb(machine, tmp_path, free, wal):
    machine(free=free)
    assert sizes(tmp_path / "not" / "made" / "yet") == ("512MB", wal)


@pytest.mark.parametrize(
    ("own", "file", "limit"),
    [
        ("0::/", "memory.max", 512 * MB),  # a container of version 2
        ("0::/system.slice/millrace.service", "system.slice/memory.max", 512 * MB),
        ("4:memory:/docker/1", "memory/memory.limit_in_bytes", 512 * MB),  # version 1
        ("4:cpu,memory:/a\n0::/", "memory/a/memory.limit_in_bytes", 512 * MB),
        ("0::/", "memory.max", "max"),
        ("0::/", "cpu.max", 1),
    ],
)
def test_the_limit_of_a_container_counts(machine, tmp_path, own, file, limit):
    (tmp_path / "own").write_text(own + "\n")
    path = tmp_path / "cgroup" / file
    path.parent.mkdir(parents=True)
    path.write_text(f"{limit}\n")
    assert memory_bytes() == (limit if limit == 512 * MB else 16 * GB)


def test_a_server_starts_with_them():
    with temporary_directory() as var_dir:
        settings = fitting_settings(var_dir) | {"max_wal_size": "256MB", "shared_buffers": "16MB"}
        with EmbeddedPostgres(var_dir, options=settings) as server:
            server.create_database("millrace")
            with psycopg.connect(database_url(var_dir, "millrace")) as connection:
                found = {name: connection.execute(f"SHOW {name}").fetchall() for name in settings}
    expected = settings | {"wal_compression": "pglz"}  # so "on" is shown
    assert found == {name: [(value,)] for name, value in expected.items()}
