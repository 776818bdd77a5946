"""Statistics: authentication, methods, order of checks, limits and failures of storage"""

import pytest
from django.db import connections

from analytics.events.models import Event
from analytics.reports.answers import ALIAS, WORK_MEM, current
from config.db.pool import Turns
from config.server.capacity import STATISTICS
from tests.support.databases import failing
from tests.support.events import PATH, event_of
from tests.support.responses import assert_error, assert_response
from tests.support.statistics import DATABASES, assert_refused, meta_body
from tests.support.websites import NOT_FOUND
from websites import tokens

pytestmark = pytest.mark.django_db(databases=DATABASES)
PATHS = ["stats", "stats.csv", "live"]
UNAVAILABLE = (503, "SERVICE_UNAVAILABLE", "Event storage is unavailable")


@pytest.fixture
def stranger(make_user):
    return make_user("stranger@example.com")


@pytest.mark.usefixtures("at_now")
def test_an_answer_counts_what_was_posted_just_before(ask, api, website):
    api.post(PATH, event_of(website, url="https://example.com/a"))
    numbers = {"visitors": 1, "sessions": 1, "pageviews": 1}
    body = {
        "rows": [],
        "totals": {"metrics": numbers},
        "meta": meta_body("2026-03-02T00:00:00+00:00", "2026-03-30T00:00:00+00:00"),
    }
    assert_response(ask(), 200, body)
    api.post(PATH, event_of(website, visitorId="vis-2", sessionId="sess-2"))
    body["totals"] = {"metrics": dict.fromkeys(numbers, 2)}
    assert_response(ask(), 200, body)
    assert Event.objects.count() == 2


@pytest.mark.parametrize("path", PATHS)
def test_without_a_token_requests_are_rejected(api, website, path):
    response = api.get(f"/api/v1/websites/{website.id}/{path}")
    assert_error(response, 401, "UNAUTHORIZED", "Missing or invalid authorization header")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("id", ["x", "%00", "{019c0427-2440-74f8-996d-a763b7a969b1}", "%FF"])
def test_an_invalid_id_is_not_found(ask, path, id):
    assert_error(ask(path=path, id=id), *NOT_FOUND)


@pytest.mark.parametrize("path", PATHS)
def test_a_website_of_another_user_is_not_found(ask, stranger, path):
    as_stranger = tokens.issue(stranger).access
    assert_error(ask(path=path, as_token=as_stranger), *NOT_FOUND)
    assert_error(ask("by=nonsense", path=path, as_token=as_stranger), *NOT_FOUND)
    assert ask(path=path).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_other_methods_are_rejected_before_anything_else(api, website, path):
    response = api.post(f"/api/v1/websites/{website.id}/{path}")
    assert_error(response, 405, "METHOD_NOT_ALLOWED", "Method not allowed", {"Allow": "GET, HEAD"})


@pytest.mark.parametrize("path", PATHS)
def test_an_unknown_parameter_is_rejected(ask, path):
    assert_refused(ask("days=7", path=path), days=["Unknown parameter"])


@pytest.mark.usefixtures("clock")
def test_the_requests_of_a_user_are_limited_together(ask, settings, stranger):
    settings.RATE_STATS = "3/m"
    for path in PATHS:
        assert ask(path=path).status_code == 200
    response = ask()
    assert_error(
        response,
        429,
        "RATE_LIMITED",
        "Too many requests",
        {"Retry-After": response["Retry-After"]},
    )
    assert 1 <= int(response["Retry-After"]) <= 60
    assert_error(ask(as_token=tokens.issue(stranger).access), *NOT_FOUND)


@pytest.mark.parametrize("path", PATHS)
def test_without_the_analytics_database_they_are_unavailable(ask, analytics_away, path):
    assert_error(ask(path=path), *UNAVAILABLE)


@pytest.mark.parametrize("path", PATHS)
def test_without_the_main_database_they_are_unavailable(ask, main_database_away, path):
    assert_error(ask(path=path), *UNAVAILABLE)


@pytest.mark.parametrize(
    ("path", "table"),
    [
        ("stats", "analytics_websitesession"),
        ("stats.csv", "analytics_websitesession"),
        ("live", "analytics_event"),
    ],
)
def test_a_question_that_takes_too_long_is_unavailable(ask, foreign, monkeypatch, path, table):
    foreign.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    monkeypatch.setattr(STATISTICS, "seconds", 0.2)
    assert_error(ask(path=path), *UNAVAILABLE)


@pytest.mark.parametrize("path", PATHS)
def test_a_question_that_fails_leaves_its_turn_to_others(ask, path):
    with failing("analytics", "the analytics database is away"):
        for _ in range(STATISTICS.at_once):
            assert_error(ask(path=path), *UNAVAILABLE)
    assert ask(path=path).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_a_question_that_gets_no_turn_in_time_is_unavailable(ask, monkeypatch, path):
    monkeypatch.setattr(Turns, "acquire", lambda self, *, timeout: False)
    assert_error(ask(path=path), *UNAVAILABLE)


@pytest.mark.django_db(databases=DATABASES, transaction=True)
def test_a_question_sees_one_state_and_has_memory_for_its_sets(website):
    with current(website), connections[ALIAS].cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('transaction_isolation'), "
            "current_setting('transaction_read_only'), current_setting('work_mem')"
        )
        assert cursor.fetchone() == ("repeatable read", "on", WORK_MEM)
