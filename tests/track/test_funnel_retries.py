"""Funnel events with an idempotency key: however often they come, they are stored once."""

import logging
from functools import partial
from itertools import count

import pytest

from analytics.funnel.models import FunnelEvent
from analytics.ingest import writer
from config.api.outcomes import Outcome
from config.db import uuid7
from tests.support.databases import failing
from tests.support.events import AT
from tests.support.funnel import (
    FULL_EVENT,
    KILL_SWITCH,
    PATH,
    STORED,
    TRACKED,
    WRITE_FAILED,
    assert_conflict,
    assert_invalid,
    stored_rows,
    tracked_total,
)
from tests.support.inline_writer import InlineWriter
from tests.support.keys import DUPLICATE, INVALID_KEYS, KEY, NOT_A_KEY, header, key_of
from tests.support.metrics import outcome_counter
from tests.support.responses import assert_response, run_concurrently
from tests.support.runtime_settings import change_settings
from websites import tokens

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

DAY_MS = 86_400_000


@pytest.fixture
def other_token(make_user):
    """A token of somebody else."""
    return tokens.issue(make_user("other@example.com")).access


def assert_tracked(response, outcome=STORED):
    """Demand the usual response, and what really became of the event."""
    assert_response(response, 200, TRACKED, outcome)


def test_a_key_is_the_id_of_the_event_and_its_time(api, token, user):
    assert_tracked(api.post(PATH, FULL_EVENT, token=token, headers=header(KEY.upper())))
    row = FunnelEvent.objects.get()
    assert (str(row.id), row.created_at, row.user_id) == (KEY, AT, user.id)


def test_a_retry_is_no_second_event(api, token, user, caplog):
    counted, before = outcome_counter(api, "track"), tracked_total()
    caplog.set_level(logging.DEBUG, logger="analytics.funnel.ingest")
    assert_tracked(api.post(PATH, FULL_EVENT, token=token, headers=header()))
    assert_tracked(api.post(PATH, {"event": "b"}, token=token, headers=header()), DUPLICATE)
    assert [row[2] for row in stored_rows()] == [FULL_EVENT["event"]]
    assert counted() == {("stored", ""): 1, ("duplicate", ""): 1}
    assert tracked_total() == before + 1
    assert caplog.messages == [f"[analytics] Event tracked: bio_link_click for user {user.id}"]


def test_a_key_of_somebody_else_is_a_conflict(api, token, other_token):
    counted = outcome_counter(api, "track")
    assert_tracked(api.post(PATH, FULL_EVENT, token=other_token, headers=header()))
    assert_conflict(api.post(PATH, {"event": "mine"}, token=token, headers=header()))
    assert [row[2] for row in stored_rows()] == [FULL_EVENT["event"]]
    assert counted() == {("stored", ""): 1, ("rejected", ""): 1}
    assert_tracked(api.post(PATH, FULL_EVENT, token=other_token, headers=header()), DUPLICATE)


@pytest.mark.parametrize("key", INVALID_KEYS)
def test_an_invalid_key_is_rejected(api, token, key):
    assert_invalid(api.post(PATH, FULL_EVENT, token=token, headers=header(key)), NOT_A_KEY)


def test_the_fields_come_before_the_key_and_the_key_before_the_switch(api, token):
    change_settings(tracking_enabled="false")
    response = api.post(PATH, {"event": 5, "locale": 5}, token=token, headers=header("x"))
    assert_invalid(response, "event must be a string", "locale must be a string")
    assert_invalid(api.post(PATH, FULL_EVENT, token=token, headers=header("x")), NOT_A_KEY)
    assert_tracked(api.post(PATH, FULL_EVENT, token=token, headers=header()), KILL_SWITCH)
    assert stored_rows() == []


def test_a_key_may_be_a_day_ahead(api, user, clock):
    clock.set(AT)
    token, now = tokens.issue(user).access, uuid7.to_ms(AT)
    late = api.post(PATH, FULL_EVENT, token=token, headers=header(key_of(now + DAY_MS + 1)))
    assert_invalid(late, NOT_A_KEY)
    for ms in (1_420_070_400_000, now + DAY_MS):
        assert_tracked(api.post(PATH, FULL_EVENT, token=token, headers=header(key_of(ms))))
    assert [
        uuid7.ms_of(id) for id in FunnelEvent.objects.order_by("id").values_list("id", flat=True)
    ] == [1_420_070_400_000, now + DAY_MS]


def test_a_retry_whose_owner_cannot_be_read_is_no_error(api, token, monkeypatch):
    assert_tracked(api.post(PATH, FULL_EVENT, token=token, headers=header()))
    monkeypatch.setattr(InlineWriter, "write", lambda *what: [Outcome.DUPLICATE])
    with failing("default", "the main database is away"):
        response = api.post(PATH, FULL_EVENT, token=token, headers=header())
    assert_tracked(response, WRITE_FAILED)


@pytest.mark.django_db(databases=["default", "analytics"], transaction=True)
@pytest.mark.parametrize("processes", [1, 2])
def test_of_fifty_retries_at_once_one_is_stored(api, token, monkeypatch, make_process, processes):
    started, turn = [make_process() for _ in range(processes)], count()
    monkeypatch.setattr(writer, "write", lambda *what: started[next(turn) % processes].write(*what))
    post = partial(api.post, PATH, FULL_EVENT, token=token, headers=header())
    outcomes = [response["X-Event-Outcome"] for response in run_concurrently(*[post] * 50)]
    assert sorted(outcomes) == ["duplicate"] * 49 + ["stored"]
    assert len(stored_rows()) == 1
