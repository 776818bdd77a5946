"""Marks of client addresses: the same within a day, and nothing afterwards."""

import hmac
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import OperationalError

from config import ids, salts
from config.models import DailySalt

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

NOON = datetime(2026, 1, 28, 12, tzinfo=UTC)
ADDRESS = "203.0.113.7"


@pytest.fixture
def clock(monkeypatch):
    """Hold the server's clock; calling it sets it."""

    def set_to(at):
        monkeypatch.setattr(ids, "now_ms", lambda: ids.milliseconds(at))

    set_to(NOON)
    return set_to


def mark_in_another_process(address=ADDRESS):
    """Return a mark that is made with nothing in memory."""
    salts.forget()
    return salts.mark_of(address)


def test_a_mark_is_an_hmac_of_the_address_with_the_salt_of_the_day(clock):
    mark = salts.mark_of(ADDRESS)
    salt = DailySalt.objects.get()
    assert (salt.day, len(salt.value)) == (date(2026, 1, 28), 32)
    assert mark == hmac.new(bytes(salt.value), ADDRESS.encode(), "sha256").hexdigest()[:32]


def test_marks_are_the_same_in_every_process_until_midnight(clock):
    mark = salts.mark_of(ADDRESS)
    clock(NOON.replace(hour=23, minute=59, second=59))
    assert mark_in_another_process() == mark
    assert salts.mark_of("203.0.113.8") != mark
    clock(NOON.replace(hour=0) + timedelta(days=1))
    assert salts.mark_of(ADDRESS) != mark
    assert DailySalt.objects.count() == 2


def test_a_salt_is_deleted_two_days_after_it_came_into_use(clock):
    salts.mark_of(ADDRESS)
    clock(NOON.replace(hour=23, minute=59) + timedelta(days=1))
    salts.mark_of(ADDRESS)
    assert salts.delete_old() == 0
    clock(NOON.replace(hour=0) + timedelta(days=2))
    salts.mark_of(ADDRESS)
    assert list(DailySalt.objects.order_by("day").values_list("day", flat=True)) == [
        date(2026, 1, 29),
        date(2026, 1, 30),
    ]


def test_a_known_salt_costs_no_query(clock, django_assert_num_queries):
    mark = salts.mark_of(ADDRESS)
    with django_assert_num_queries(0, using="analytics"):
        assert salts.mark_of(ADDRESS) == mark


def test_while_the_database_is_away_it_is_asked_once_a_second(clock, analytics_away, monkeypatch):
    monkeypatch.setattr("config.salts.time.monotonic", lambda: 100.0)
    with pytest.raises(OperationalError, match="database is away"):
        salts.mark_of(ADDRESS)
    with pytest.raises(OperationalError, match="a moment ago"):
        salts.mark_of(ADDRESS)
    monkeypatch.setattr("config.salts.time.monotonic", lambda: 101.0)
    with pytest.raises(OperationalError, match="database is away"):
        salts.mark_of(ADDRESS)
