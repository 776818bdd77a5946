"""Activity events with an idempotency key: however often they come, they are stored once."""

from functools import partial

import pytest

import activity
from activity.models import ActivityEvent
from config.api.outcomes import Outcome
from config.db import uuid7
from tests.support.activity import (
    ACCEPTED,
    BAD_BODY,
    BAD_METADATA,
    BAD_TOKEN,
    BAD_TYPE,
    PATH,
    REJECTED,
    WRITE_FAILED,
    assert_accepted,
    assert_activity_error,
    frontend_rows,
    row_of,
    switch,
)
from tests.support.databases import failing
from tests.support.events import AT
from tests.support.inline_writer import InlineWriter
from tests.support.keys import DUPLICATE, IN_USE, INVALID_KEYS, KEY, NOT_A_KEY, header, key_of
from tests.support.metrics import outcome_counter
from tests.support.responses import assert_response, run_concurrently
from websites import tokens

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

EVENT = {"type": "a", "page": "/first"}
OTHER = {"type": "b", "page": "/second"}
INVALID_KEY = (*BAD_BODY, {"reason": NOT_A_KEY})
OFF = ("ACTIVITY_RECORDER_UNAVAILABLE", "Activity recorder is not configured")
DAY_MS = 86_400_000


@pytest.fixture
def other_token(make_user):
    """A token of somebody else."""
    return tokens.issue(make_user("other@example.com")).access


def assert_retried(response):
    """Demand the usual response, and that nothing was stored."""
    assert_response(response, 202, ACCEPTED, DUPLICATE)


def assert_conflict(response):
    error = {"code": "CONFLICT", "message": IN_USE}
    assert_response(response, 409, {"error": error}, REJECTED)


def stored():
    """Return id, type and path of all rows of front ends."""
    return [(str(row.id), row.event_type, row.path) for row in frontend_rows()]


FIRST = [(KEY, "frontend_a", "/first")]


def test_a_key_is_the_id_of_the_event_and_its_time(api, user, token):
    assert_accepted(api.post(PATH, EVENT, token=token, headers=header(KEY.upper())))
    [row] = frontend_rows()
    assert (str(row.id), row.created_at, row.user_id) == (KEY, AT, str(user.id))


@pytest.mark.parametrize("named", [True, False])
def test_a_retry_of_the_same_caller_is_no_second_event(api, token, named):
    counted = outcome_counter(api, "activity")
    caller = {"token": token} if named else {}
    assert_accepted(api.post(PATH, EVENT, headers=header(), **caller))
    assert_retried(api.post(PATH, OTHER, headers=header(KEY.upper()), **caller))
    assert stored() == FIRST
    assert counted() == {("stored", ""): 1, ("duplicate", ""): 1}


def test_each_retry_is_a_request_of_its_own(api):
    responses = [api.post(PATH, EVENT, headers=header()) for _ in range(2)]
    assert [row_of(response).path for response in responses] == [PATH, PATH]


@pytest.mark.parametrize(("first", "second"), [("user", "other"), ("user", None), (None, "user")])
def test_a_key_of_another_caller_is_a_conflict(api, token, other_token, first, second):
    callers = {"user": {"token": token}, "other": {"token": other_token}, None: {}}
    counted = outcome_counter(api, "activity")
    assert_accepted(api.post(PATH, EVENT, headers=header(), **callers[first]))
    assert_conflict(api.post(PATH, OTHER, headers=header(), **callers[second]))
    assert_retried(api.post(PATH, EVENT, headers=header(), **callers[first]))
    assert stored() == FIRST
    assert counted() == {("stored", ""): 1, ("rejected", ""): 1, ("duplicate", ""): 1}


def test_an_event_without_a_key_may_be_repeated_by_its_id(api, token):
    assert_accepted(api.post(PATH, EVENT, token=token))
    [(id, _, _)] = stored()
    assert_retried(api.post(PATH, EVENT, token=token, headers=header(id)))
    assert len(stored()) == 1


@pytest.mark.parametrize("named", [True, False])
def test_a_recorded_request_is_no_key_of_who_made_it(api, token, named):
    caller = {"token": token} if named else {}
    recorded = row_of(api.get("/nothing", **caller))
    assert_conflict(api.post(PATH, EVENT, headers=header(str(recorded.id)), **caller))
    assert stored() == []


def test_a_request_with_the_method_of_front_ends_is_no_key_either(api):
    recorded = row_of(api.generic("FRONTEND", PATH))
    assert_conflict(api.post(PATH, EVENT, headers=header(str(recorded.id))))


def test_a_recorded_step_is_no_key(api, user, token):
    activity.record("invoice_paid", user_id=user.id)
    step = ActivityEvent.objects.get()
    assert_conflict(api.post(PATH, EVENT, token=token, headers=header(str(step.id))))


@pytest.mark.parametrize("key", INVALID_KEYS)
def test_an_invalid_key_is_rejected(api, key):
    assert_activity_error(api.post(PATH, EVENT, headers=header(key)), 400, *INVALID_KEY)


def test_the_key_comes_after_the_fields_and_before_the_token(api):
    large = EVENT | {"metadata": {"a": "x" * 16_384}}
    post = partial(api.post, PATH, token="invalid", headers=header("x"))
    assert_activity_error(post({"type": "!"}), 400, *BAD_TYPE)
    assert_activity_error(post(EVENT | {"page": 5}), 400, *BAD_BODY)
    assert_activity_error(post(large), 400, *BAD_METADATA)
    assert_activity_error(post(EVENT), 400, *INVALID_KEY)
    response = api.post(PATH, EVENT, token="invalid", headers=header())
    assert_activity_error(response, 401, *BAD_TOKEN)
    assert_accepted(api.post(PATH, EVENT, headers=header()))  # the refused ones kept no key


def test_the_switch_comes_before_the_key(api):
    switch("false")
    dropped = {"X-Event-Outcome": "dropped; reason=kill_switch", "Retry-After": None}
    response = api.post(PATH, EVENT, headers=header("x"))
    assert_activity_error(response, 503, *OFF, headers=dropped)


def test_a_key_may_be_a_day_ahead(api, clock):
    clock.set(AT)
    now = uuid7.to_ms(AT)
    late = api.post(PATH, EVENT, headers=header(key_of(now + DAY_MS + 1)))
    assert_activity_error(late, 400, *INVALID_KEY)
    for ms in (1_420_070_400_000, now + DAY_MS):
        assert_accepted(api.post(PATH, EVENT, headers=header(key_of(ms))))
    assert [uuid7.ms_of(row.id) for row in frontend_rows()] == [1_420_070_400_000, now + DAY_MS]


def test_a_retry_whose_owner_cannot_be_read_is_not_recorded(api, monkeypatch):
    monkeypatch.setattr(InlineWriter, "write", lambda *what: [Outcome.DUPLICATE])
    with failing("analytics", "the analytics database is away"):
        response = api.post(PATH, EVENT, headers=header())
    words = ("ACTIVITY_RECORD_FAILED", "Activity event could not be recorded")
    assert_activity_error(response, 500, *words, headers=WRITE_FAILED)


@pytest.mark.django_db(databases=["default", "analytics"], transaction=True)
def test_of_retries_at_once_one_is_stored(api):
    post = partial(api.post, PATH, EVENT, headers=header())
    responses = run_concurrently(*[post] * 8)
    outcomes = sorted(response["X-Event-Outcome"] for response in responses)
    assert outcomes == ["duplicate"] * 7 + ["stored"]
    assert stored() == FIRST
