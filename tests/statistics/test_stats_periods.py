"""Statistics: ranges of time, zones and comparisons, over changes of clocks

Clocks of Berlin went from 2:00 to 3:00 on 2026-03-29, and go from 3:00 to 2:00 on 2026-10-25.
"""

from datetime import UTC, datetime

import pytest

from tests.support.statistics import DATABASES, NOW

pytestmark = [pytest.mark.django_db(databases=DATABASES), pytest.mark.usefixtures("at_now")]


@pytest.fixture
def ranges(ask):
    """Return the range of an answer, and the one that it is compared with."""

    def ranges(query):
        response = ask(query)
        assert response.status_code == 200, response.content
        meta = response.json()["meta"]
        found = [(meta["from"], meta["to"])]
        if "previous" in meta:
            found.append((meta["previous"]["from"], meta["previous"]["to"]))
        return found

    return ranges


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [
        ("", "2026-03-02T00:00:00+00:00", "2026-03-30T00:00:00+00:00"),
        ("period=today", "2026-03-29T00:00:00+00:00", "2026-03-30T00:00:00+00:00"),
        ("period=yesterday", "2026-03-28T00:00:00+00:00", "2026-03-29T00:00:00+00:00"),
        ("period=24h", "2026-03-28T13:00:00+00:00", "2026-03-29T13:00:00+00:00"),
        ("period=7d", "2026-03-23T00:00:00+00:00", "2026-03-30T00:00:00+00:00"),
        ("period=28d", "2026-03-02T00:00:00+00:00", "2026-03-30T00:00:00+00:00"),
        ("period=90d", "2025-12-30T00:00:00+00:00", "2026-03-30T00:00:00+00:00"),
        ("period=month", "2026-03-01T00:00:00+00:00", "2026-03-30T00:00:00+00:00"),
        ("period=year", "2026-01-01T00:00:00+00:00", "2026-03-30T00:00:00+00:00"),
        ("period=12mo", "2025-04-01T00:00:00+00:00", "2026-03-30T00:00:00+00:00"),
        ("period=all", "2026-03-29T00:00:00+00:00", "2026-03-30T00:00:00+00:00"),
        (
            "period=today&timezone=Europe/Berlin",
            "2026-03-29T00:00:00+01:00",
            "2026-03-30T00:00:00+02:00",
        ),
        (
            "period=24h&timezone=Asia/Kathmandu",
            "2026-03-28T18:00:00+05:45",
            "2026-03-29T18:00:00+05:45",
        ),
        (
            "period=today&timezone=Pacific/Kiritimati",
            "2026-03-30T00:00:00+14:00",
            "2026-03-31T00:00:00+14:00",
        ),
        (
            "from=2026-03-28&to=2026-03-29&timezone=Europe/Berlin",
            "2026-03-28T00:00:00+01:00",
            "2026-03-30T00:00:00+02:00",
        ),
        ("from=2026-03-28", "2026-03-28T00:00:00+00:00", "2026-03-30T00:00:00+00:00"),
        ("to=2026-02-28", "2026-02-01T00:00:00+00:00", "2026-03-01T00:00:00+00:00"),
        (
            "from=2026-03-28T01:02:03.4567Z&to=2026-03-28T02:02:03-01:00",
            "2026-03-28T01:02:03.456+00:00",
            "2026-03-28T03:02:03+00:00",
        ),
        (
            "from=2026-03-28T10:00:00Z",
            "2026-03-28T10:00:00+00:00",
            "2026-03-29T12:03:00+00:00",
        ),
        (
            "from=2026-03-29&to=2026-04-30",
            "2026-03-29T00:00:00+00:00",
            "2026-05-01T00:00:00+00:00",
        ),
    ],
)
def test_ranges(ranges, query, start, end):
    assert ranges(query) == [(start, end)]


def test_all_begins_with_the_first_event(ranges, post):
    post((datetime(2021, 5, 6, 23, 30, tzinfo=UTC), {}))
    end = "2026-03-30T00:00:00+00:00"
    assert ranges("period=all") == [("2021-05-06T00:00:00+00:00", end)]
    [(start, _)] = ranges("period=all&timezone=Europe/Berlin")
    assert start == "2021-05-07T00:00:00+02:00"


def test_the_time_zone_of_the_website_is_the_default(ask, website):
    website.change(timezone="Europe/Berlin")
    meta = ask("period=yesterday").json()["meta"]
    assert (meta["timezone"], meta["from"]) == ("Europe/Berlin", "2026-03-28T00:00:00+01:00")


@pytest.mark.parametrize(
    ("now", "query", "start", "end"),
    [
        # Running: cut at the same time of day
        (NOW, "period=today", "2026-03-28T00:00:00+01:00", "2026-03-28T14:03:00+01:00"),
        (NOW, "period=24h", "2026-03-27T14:00:00+01:00", "2026-03-28T13:03:00+01:00"),
        (NOW, "period=7d", "2026-03-16T00:00:00+01:00", "2026-03-22T14:03:00+01:00"),
        (NOW, "period=28d", "2026-02-02T00:00:00+01:00", "2026-03-01T14:03:00+01:00"),
        (NOW, "period=90d", "2025-10-01T00:00:00+02:00", "2025-12-29T14:03:00+01:00"),
        (NOW, "period=month", "2026-02-01T00:00:00+01:00", "2026-03-01T00:00:00+01:00"),
        (NOW, "period=year", "2025-01-01T00:00:00+01:00", "2025-03-29T14:03:00+01:00"),
        (NOW, "period=12mo", "2024-04-01T00:00:00+02:00", "2025-03-29T14:03:00+01:00"),
        (NOW, "from=2026-03-28", "2026-03-26T00:00:00+01:00", "2026-03-27T14:03:00+01:00"),
        # Over
        (NOW, "period=yesterday", "2026-03-27T00:00:00+01:00", "2026-03-28T00:00:00+01:00"),
        (
            NOW,
            "from=2026-03-02&to=2026-03-08",
            "2026-02-23T00:00:00+01:00",
            "2026-03-02T00:00:00+01:00",
        ),
        (
            NOW,
            "from=2026-03-28T10:00:00Z&to=2026-03-28T16:00:00Z",
            "2026-03-28T05:00:00+01:00",
            "2026-03-28T11:00:00+01:00",
        ),
        # Running instants are cut after the same time
        (
            NOW,
            "from=2026-03-29T10:00:00Z&to=2026-03-29T14:00:00Z",
            "2026-03-29T08:00:00+02:00",
            "2026-03-29T10:03:00+02:00",
        ),
        # Yet to come
        (
            NOW,
            "from=2026-04-06&to=2026-04-12",
            "2026-03-30T00:00:00+02:00",
            "2026-04-06T00:00:00+02:00",
        ),
        # The day after clocks were put forward, and the days around their return
        (
            datetime(2026, 3, 30, 12, 3, tzinfo=UTC),
            "period=today",
            "2026-03-29T00:00:00+01:00",
            "2026-03-29T14:03:00+02:00",
        ),
        (
            datetime(2026, 10, 25, 13, 3, tzinfo=UTC),
            "period=today",
            "2026-10-24T00:00:00+02:00",
            "2026-10-24T14:03:00+02:00",
        ),
        (
            datetime(2026, 10, 26, 13, 3, tzinfo=UTC),
            "period=today",
            "2026-10-25T00:00:00+02:00",
            "2026-10-25T14:03:00+01:00",
        ),
        # A month is longer than the one before
        (
            datetime(2026, 5, 31, 10, 0, tzinfo=UTC),
            "period=month",
            "2026-04-01T00:00:00+02:00",
            "2026-05-01T00:00:00+02:00",
        ),
    ],
)
def test_the_range_before(ranges, at_now, now, query, start, end):
    at_now.set(now)
    found = ranges(f"{query}&compare=previous&timezone=Europe/Berlin")
    assert found[1] == (start, end)
    assert ranges(f"{query}&compare=none&timezone=Europe/Berlin") == found[:1]


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [
        ("period=today", "2025-03-29T00:00:00+00:00", "2025-03-29T12:03:00+00:00"),
        ("period=month", "2025-03-01T00:00:00+00:00", "2025-03-29T12:03:00+00:00"),
        (
            "from=2024-02-28&to=2024-02-29",
            "2023-02-28T00:00:00+00:00",
            "2023-03-01T00:00:00+00:00",
        ),
        (
            "from=2024-02-29T10:00:00Z&to=2024-03-01T10:00:00Z",
            "2023-02-28T10:00:00+00:00",
            "2023-03-01T10:00:00+00:00",
        ),
    ],
)
def test_the_year_before(ranges, query, start, end):
    assert ranges(f"{query}&compare=year")[1] == (start, end)


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [
        (
            "period=7d&compareFrom=2026-01-05&compareTo=2026-01-11",
            "2026-01-05T00:00:00+00:00",
            "2026-01-11T12:03:00+00:00",
        ),
        (
            "period=yesterday&compareFrom=2026-01-05&compareTo=2026-01-05",
            "2026-01-05T00:00:00+00:00",
            "2026-01-06T00:00:00+00:00",
        ),
        (
            "period=today&compareFrom=2026-01-05T06:00:00Z&compareTo=2026-01-06T06:00:00Z",
            "2026-01-05T06:00:00+00:00",
            "2026-01-05T18:03:00+00:00",
        ),
        (
            "period=today&compareFrom=2026-01-05T06:00:00Z&compareTo=2026-01-05T07:00:00Z",
            "2026-01-05T06:00:00+00:00",
            "2026-01-05T07:00:00+00:00",
        ),
    ],
)
def test_another_range(ranges, query, start, end):
    assert ranges(query)[1] == (start, end)


def test_numbers_stand_beside_those_of_the_range_before(ask, post, at_now):
    post(
        (datetime(2026, 3, 29, 11, tzinfo=UTC), {"visitorId": "a", "sessionId": "a"}),
        (datetime(2026, 3, 28, 12, 2, tzinfo=UTC), {"visitorId": "b", "sessionId": "b"}),
        (datetime(2026, 3, 28, 12, 2, tzinfo=UTC), {"visitorId": "c", "sessionId": "c"}),
        (datetime(2026, 3, 28, 12, 4, tzinfo=UTC), {"visitorId": "d", "sessionId": "d"}),
    )
    body = ask("period=today&compare=previous&metrics=visitors").json()
    assert body["totals"] == {"metrics": {"visitors": 1}, "previous": {"visitors": 2}}
    body = ask("period=today&compare=previous&metrics=visitors&by=page").json()
    assert body["rows"] == [
        {"value": "/", "metrics": {"visitors": 1}, "label": "/", "previous": {"visitors": 2}}
    ]
