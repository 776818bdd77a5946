"""What PostgreSQL's own log shows of statements that fail"""

import os
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from django.db import Error, connections, transaction

from analytics.events.ingest import TABLE
from analytics.ingest import commit
from config.api.outcomes import Outcome
from config.db import deadline
from tests.support.api import Api
from tests.support.events import ID, PATH, event_of, new_row
from tests.support.responses import run_concurrently
from tests.support.writer import rejecting_rows
from websites import tokens
from websites.models import User

SECRET = "jane.doe"
REGISTER = "/api/v1/auth/register"
SENT = "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid() AND %s::text <> ''"
SOCKET_DIR = Path(unquote(urlsplit(os.environ["DATABASE_URL"]).hostname or ""))
LOG = SOCKET_DIR.parent / "postgres" / "server.log"

pytestmark = [
    pytest.mark.django_db(databases=["default", "analytics"], transaction=True),
    pytest.mark.skipif(not LOG.exists(), reason="the server is not the suite's own"),
]


@pytest.fixture
def logged():
    """Return what the server has logged within the test."""
    start = LOG.stat().st_size
    return lambda: LOG.read_bytes()[start:].decode()


def test_what_is_foreseen_is_no_error(logged, api, website, user):
    account = {"email": f"{SECRET}@example.com", "password": "SecurePass123"}
    responses = run_concurrently(*(lambda: Api().post(REGISTER, account) for _ in range(4)))
    assert sorted(response.status_code for response in responses) == [201, 409, 409, 409]
    site = {"name": SECRET, "domain": f"{SECRET}.example"}
    token = tokens.issue(user).access
    responses = [api.post("/api/v1/websites", site, token=token) for _ in range(2)]
    assert [response.status_code for response in responses] == [201, 409]
    goal = {"name": SECRET, "kind": "event", "value": SECRET}
    path = f"/api/v1/websites/{website.id}/goals"
    responses = [api.post(path, goal, token=token) for _ in range(2)]
    assert [response.status_code for response in responses] == [201, 409]
    for alias in ("default", "analytics"):  # other tests write to the same log
        assert f" {connections[alias].settings_dict['NAME']} ERROR" not in logged()


def test_what_fails_is_logged_without_values(logged, api, website):
    sent = event_of(website, id=ID, sessionId=SECRET, visitorId=SECRET, url=f"https://a.b/{SECRET}")
    assert [api.post(PATH, sent).status_code for _ in range(2)] == [201, 200]
    with rejecting_rows(f"os <> '{SECRET}'"):
        assert api.post(PATH, event_of(website, os=SECRET)).status_code == 500
    not_json = new_row(properties=f'{{"name": {SECRET}')
    assert commit.store_group(TABLE, [[not_json]]) == [[Outcome.WRITE_FAILED]]
    _time_out()
    _deadlock()
    text = logged()
    assert f" {connections['default'].settings_dict['NAME']} ERROR:  deadlock detected" in text
    for message in (
        *("duplicate key value", "violates check constraint", "invalid input syntax for type json"),
        "canceling statement due to statement timeout",
    ):
        assert message in text
    for word in (SECRET, "DETAIL", "CONTEXT", "STATEMENT"):
        assert word not in text


def test_values_do_not_travel_in_statements():
    """A server of one's own may log them."""
    for alias in ("default", "analytics"):
        with connections[alias].cursor() as cursor:
            cursor.execute(SENT, [SECRET])
            [(statement,)] = cursor.fetchall()
        assert statement.endswith("AND $1::text <> ''")


def _time_out():
    with (
        suppress(Error),
        transaction.atomic(using="default"),
        connections["default"].cursor() as cursor,
    ):
        cursor.execute("SET LOCAL statement_timeout = 10")
        cursor.execute("SELECT pg_sleep(5), %s::text", [SECRET])


def _deadlock():
    """Let two transactions change two rows, each in another order."""
    users = [User.objects.create_user(f"{SECRET}{n}@example.com") for n in range(2)]
    both = threading.Barrier(2)

    def change(order):
        with deadline.within(10), suppress(Error), transaction.atomic(using="default"):
            for user in order:
                User.objects.filter(email=user.email).update(name=SECRET)
                with suppress(threading.BrokenBarrierError):
                    both.wait(5 if user is order[0] else 0)
        connections.close_all()

    run_concurrently(lambda: change(users), lambda: change(users[::-1]))
