"""Connections that requests share"""

import threading

import psycopg
import pytest
from django.db import OperationalError, connections, transaction

from config.db import deadline, pool
from config.db.pool import IN_USE, Pool, Pools, Turns
from tests.support.processes import wait_until

pytestmark = pytest.mark.django_db(databases=["default", "analytics"], transaction=True)

SECONDS = 0.05


@pytest.fixture
def borrowing():
    """Borrow the connections of this thread from a pool of one."""
    for alias in connections:
        connections[alias].close()
    pools = Pools(1)
    with pools.borrowing():
        yield
        for alias in connections:
            lender = pool.current(alias)
            assert lender
            pool.give_back()
            lender.close_idle()


def backend_pid(alias="analytics"):
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


@pytest.fixture
def one():
    """A pool of one connection, and how to open it."""
    opened = []
    parameters = connections["analytics"].get_connection_params()

    def connect():
        opened.append(psycopg.connect(**parameters, autocommit=True))
        return opened[-1]

    yield Pool(1), connect
    for connection in opened:
        connection.close()


def test_a_connection_that_was_given_back_is_lent_again(borrowing):
    first = backend_pid()
    pool.give_back()
    assert connections["analytics"].connection is None
    assert backend_pid() == first


def test_each_database_has_a_pool_of_its_own(borrowing):
    assert backend_pid("default") != backend_pid("analytics")


def test_who_finds_none_waits_until_the_deadline(one):
    lender, connect = one
    lender.borrow(connect)
    with deadline.within(SECONDS), pytest.raises(psycopg.OperationalError, match=IN_USE):
        lender.borrow(connect)


def test_a_connection_that_could_not_be_opened_leaves_its_place(one):
    lender, connect = one

    def fail():
        raise psycopg.OperationalError("away")

    for _ in range(2):
        with pytest.raises(psycopg.OperationalError, match="away"):
            lender.borrow(fail)
    assert not lender.borrow(connect).closed


def test_a_connection_within_a_transaction_is_not_lent_again(one):
    lender, connect = one
    left = lender.borrow(connect)
    left.autocommit = False
    left.execute("SELECT 1")
    lender.give_back(left)
    assert left.closed
    assert lender.borrow(connect) is not left


def test_an_old_connection_is_not_lent_again(one, monkeypatch):
    lender, connect = one
    monkeypatch.setattr(pool, "MAX_AGE_SECONDS", 0)
    old = lender.borrow(connect)
    lender.give_back(old)
    assert old.closed


def test_a_connection_that_the_server_has_closed_is_replaced(one):
    lender, connect = one
    dead = lender.borrow(connect)
    lender.give_back(dead)
    with connect() as other:
        other.execute("SELECT pg_terminate_backend(%s, 1000)", [dead.info.backend_pid])
    assert lender.borrow(connect).execute("SELECT 1").fetchone() == (1,)
    assert dead.closed


def test_after_a_failure_within_a_transaction_the_next_request_has_a_good_one(borrowing):
    late = deadline.within(SECONDS)
    with pytest.raises(OperationalError), late, transaction.atomic(using="analytics"):
        connections["analytics"].cursor().execute("SELECT pg_sleep(5)")
    pool.give_back()
    assert backend_pid()


def test_those_who_wait_come_before_those_who_come_later():
    turns, served = Turns(1), []

    def wait(name):
        assert turns.acquire(timeout=30)
        served.append(name)

    assert turns.acquire(timeout=0)
    first = threading.Thread(target=wait, args=["first"])
    first.start()
    wait_until(lambda: turns.waiting == 1)
    turns.release()
    assert not turns.acquire(timeout=0)  # it is the turn of the first
    first.join(30)
    turns.release()
    assert turns.acquire(timeout=0)
    assert served == ["first"]


def test_who_waits_in_vain_takes_no_turn():
    turns = Turns(1)
    assert turns.acquire(timeout=0)
    assert not turns.acquire(timeout=SECONDS)
    turns.release()
    assert turns.acquire(timeout=0)
    assert not turns.acquire(timeout=SECONDS)
