"""Statistics: series of time

Clocks of Berlin went from 2:00 to 3:00 on 2026-03-29.
"""

from datetime import UTC, datetime

import pytest

from tests.support.statistics import DATABASES

pytestmark = [pytest.mark.django_db(databases=DATABASES), pytest.mark.usefixtures("at_now")]


@pytest.mark.parametrize(
    ("query", "interval", "buckets"),
    [
        ("period=today", "hour", 24),
        ("period=today&timezone=Europe/Berlin", "hour", 23),
        ("from=2025-10-26&to=2025-10-26&timezone=Europe/Berlin", "hour", 25),
        ("from=2026-04-05&to=2026-04-05&timezone=Australia/Lord_Howe", "hour", 24),
        ("from=2026-03-29T11:00:00Z&to=2026-03-29T12:40:00Z", "minute", 100),
        ("from=2026-03-29T11:00:00Z&to=2026-03-29T12:40:01Z", "hour", 2),
        ("period=7d", "day", 7),
        ("period=28d", "day", 28),
        ("period=90d", "day", 90),
        ("period=12mo", "week", 52),
        ("period=year", "day", 88),
        ("from=2020-01-01", "month", 75),
        ("from=2010-01-01", "month", 195),
        ("period=28d&interval=week", "week", 4),
        ("period=month&interval=week", "week", 5),
        ("period=today&interval=minute&from=", "minute", None),
    ],
)
def test_every_bucket_is_there(ask, query, interval, buckets):
    response = ask(f"{query}&by=time")
    if buckets is None:
        assert response.status_code == 400
        return
    body = response.json()
    assert (body["meta"]["interval"], len(body["rows"])) == (interval, buckets)


def test_the_first_and_the_last_bucket_are_cut(ask):
    query = "from=2026-03-28T01:02:03.4Z&to=2026-03-28T01:04:00Z&by=time&metrics=visitors"
    assert [row["value"] for row in ask(query).json()["rows"]] == [
        "2026-03-28T01:02:03.400+00:00",
        "2026-03-28T01:03:00+00:00",
    ]


def test_a_series_to_the_letter(ask, post):
    post(
        (datetime(2026, 3, 27, 23, 30, tzinfo=UTC), {"visitorId": "a", "sessionId": "a"}),
        (datetime(2026, 3, 29, 0, 30, tzinfo=UTC), {"visitorId": "b", "sessionId": "b"}),
    )
    query = (
        "from=2026-03-28&to=2026-03-30&by=time&interval=day&metrics=visitors&timezone=Europe/Berlin"
    )
    assert ask(f"{query}&compare=previous").json()["rows"] == [
        {
            "value": "2026-03-28T00:00:00+01:00",
            "metrics": {"visitors": 1},
            "previous": {"visitors": 0},
        },
        {
            "value": "2026-03-29T00:00:00+01:00",
            "metrics": {"visitors": 1},
            "previous": {"visitors": 0},
            "complete": False,
        },
        {
            "value": "2026-03-30T00:00:00+02:00",
            "metrics": {"visitors": 0},
            "previous": {"visitors": 0},
            "complete": False,
        },
    ]
