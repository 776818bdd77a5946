"""Deadlines of database work"""

from time import monotonic

import pytest
from django.db import OperationalError, connections, transaction

from config.db import deadline

SHORT_SECONDS = 0.2


def sleep(seconds):
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [seconds])


def select_one():
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone()


def test_outside_of_a_block_there_is_no_limit():
    assert deadline.remaining() is None
    with deadline.within(2):
        assert deadline.remaining() == 2
    assert deadline.remaining() is None


def test_a_block_within_a_block_gets_no_more_than_is_left():
    with deadline.within(2), deadline.within(5):
        assert deadline.remaining() == 2


def test_what_an_inner_block_waited_is_missing_in_the_outer_one(clock):
    with deadline.within(2):
        with deadline.within(0.5), deadline.waiting():
            clock.move(seconds=0.25)
        assert deadline.remaining() == 1.75


@pytest.mark.django_db(transaction=True)
def test_a_query_ends_at_the_deadline_and_the_next_one_works():
    started = monotonic()
    with deadline.within(SHORT_SECONDS), pytest.raises(OperationalError):
        sleep(5)
    assert monotonic() - started < 2
    assert select_one() == (1,)


@pytest.mark.django_db(transaction=True)
def test_without_time_left_no_query_runs():
    with deadline.within(0), pytest.raises(OperationalError, match="does not answer in time"):
        select_one()
    with deadline.within(2):
        assert select_one() == (1,)


@pytest.mark.django_db(transaction=True)
def test_several_queries_share_the_deadline():
    with deadline.within(1.5):
        sleep(0.1)
        assert (deadline.remaining() or 0) <= 1.4
        with pytest.raises(OperationalError):
            sleep(1.5)


@pytest.mark.django_db(transaction=True)
def test_a_transaction_over_the_timeout_is_rolled_back():
    limit, refusal = deadline.within(SHORT_SECONDS), pytest.raises(OperationalError)
    with limit, refusal, transaction.atomic(using="default"):
        sleep(5)
    assert not connections["default"].in_atomic_block
    assert select_one() == (1,)
