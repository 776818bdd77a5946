"""Hashes of client addresses and their daily salts"""

import hmac
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Event

import pytest
from django.db import OperationalError, connections

from config.api import address_hash
from config.db import deadline
from config.models import DailySalt

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

NOON = datetime(2026, 1, 28, 12, tzinfo=UTC)
ADDRESS = "203.0.113.7"


@pytest.fixture
def noon(clock):
    clock.set(NOON)


def hash_in_another_process(address=ADDRESS):
    """Return a hash that is made with nothing in memory."""
    address_hash.reset()
    return address_hash.hash_address(address)


def test_a_hash_is_an_hmac_of_the_address_with_the_salt_of_the_day(noon):
    digest = address_hash.hash_address(ADDRESS)
    salt = DailySalt.objects.get()
    assert (salt.day, len(salt.value)) == (date(2026, 1, 28), 32)
    assert digest == hmac.new(bytes(salt.value), ADDRESS.encode(), "sha256").hexdigest()[:32]


def test_hashes_are_the_same_in_every_process_until_midnight(noon, clock):
    digest = address_hash.hash_address(ADDRESS)
    clock.set(NOON.replace(hour=23, minute=59, second=59))
    assert hash_in_another_process() == digest
    assert address_hash.hash_address("203.0.113.8") != digest
    clock.set(NOON.replace(hour=0) + timedelta(days=1))
    assert address_hash.hash_address(ADDRESS) != digest
    assert DailySalt.objects.count() == 2


def test_a_salt_is_deleted_two_days_after_it_came_into_use(noon, clock):
    address_hash.hash_address(ADDRESS)
    clock.set(NOON.replace(hour=23, minute=59) + timedelta(days=1))
    address_hash.hash_address(ADDRESS)
    assert address_hash.delete_expired() == 0
    clock.set(NOON.replace(hour=0) + timedelta(days=2))
    address_hash.hash_address(ADDRESS)
    assert list(DailySalt.objects.order_by("day").values_list("day", flat=True)) == [
        date(2026, 1, 29),
        date(2026, 1, 30),
    ]


@pytest.mark.django_db(databases=["default", "analytics"], transaction=True)
def test_a_deletion_that_failed_is_repeated(noon, clock):
    def refuse_deletions(execute, sql, *rest):
        if sql.startswith("DELETE"):
            raise OperationalError("nothing can be deleted")
        return execute(sql, *rest)

    address_hash.hash_address(ADDRESS)
    clock.set(NOON + timedelta(days=2))
    refusing = connections["analytics"].execute_wrapper(refuse_deletions)
    with refusing, pytest.raises(OperationalError, match="nothing can be deleted"):
        address_hash.hash_address(ADDRESS)
    assert DailySalt.objects.count() == 2
    hash_in_another_process()
    assert [salt.day for salt in DailySalt.objects.all()] == [date(2026, 1, 30)]


def test_a_request_waits_for_the_read_of_another_until_its_deadline(monkeypatch):
    is_reading, may_end = Event(), Event()

    def read(**fields):
        is_reading.set()
        assert may_end.wait(5)
        raise OperationalError("too late")

    def hash_address():
        with pytest.raises(OperationalError, match="too late"):
            address_hash.hash_address(ADDRESS)

    monkeypatch.setattr(DailySalt.objects, "get_or_create", read)
    with ThreadPoolExecutor(1) as pool, deadline.within(0.01):
        other = pool.submit(hash_address)
        assert is_reading.wait(5)
        with pytest.raises(OperationalError, match="another request waits"):
            address_hash.hash_address(ADDRESS)
        assert deadline.remaining() == 0
        may_end.set()
        other.result(timeout=5)


def test_a_known_salt_costs_no_query(django_assert_num_queries):
    digest = address_hash.hash_address(ADDRESS)
    with django_assert_num_queries(0, using="analytics"):
        assert address_hash.hash_address(ADDRESS) == digest


def test_a_database_that_is_down_is_queried_once_a_second(noon, clock, analytics_away):
    with pytest.raises(OperationalError, match="database is away"):
        address_hash.hash_address(ADDRESS)
    with pytest.raises(OperationalError, match="a moment ago"):
        address_hash.hash_address(ADDRESS)
    clock.move(seconds=1)
    with pytest.raises(OperationalError, match="database is away"):
        address_hash.hash_address(ADDRESS)
