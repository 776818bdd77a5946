"""Statistics: what answers say, to the letter"""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from analytics.reports.derived import rollup, sealing
from tests.support.client_contexts import BROWSER
from tests.support.responses import assert_response
from tests.support.statistics import DATABASES, NOW, meta_body

pytestmark = [pytest.mark.django_db(databases=DATABASES), pytest.mark.usefixtures("at_now")]
DAYS_28 = ("2026-03-02T00:00:00+00:00", "2026-03-30T00:00:00+00:00")
HOUR = timedelta(hours=1)
BOT = BROWSER | {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}


def event(at, visitor, page="/", **more):
    """Return an event of a visitor, whose session has the same name."""
    fields = {"visitorId": visitor, "sessionId": visitor, "url": f"https://example.com{page}"}
    return at, fields | more


def row(value, label, numbers, previous=None):
    body = {"value": value, "metrics": numbers, "label": label}
    return body if previous is None else body | {"previous": previous}


@pytest.fixture
def _traffic(post):
    """Three visitors from two countries, and one of an unknown one."""
    post(
        event(NOW - HOUR, "anna", "/", location="DE", referrer="https://www.google.com/"),
        event(NOW - HOUR + timedelta(seconds=30), "anna", "/a", location="DE"),
        event(NOW - HOUR, "bert", "/a", location="DE"),
        event(NOW - 2 * HOUR, "carl", "/b?q=1", location="AT"),
        event(NOW - 2 * HOUR, "dora", "/", location="somewhere"),
    )


@pytest.mark.usefixtures("_traffic")
def test_a_breakdown_has_labels_and_totals(ask):
    body = {
        "rows": [
            row("DE", "Germany", {"visitors": 2, "share": 50.0}),
            row("AT", "Austria", {"visitors": 1, "share": 25.0}),
            row(None, "Unknown", {"visitors": 1, "share": 25.0}),
        ],
        "totals": {"metrics": {"visitors": 4, "share": 100.0}},
        "meta": meta_body(*DAYS_28, total=3),
    }
    response = ask({"by": "country", "metrics": "visitors,share"})
    body["rows"].sort(key=lambda each: response.json()["rows"].index(each))  # equal ones
    assert_response(response, 200, body)


@pytest.mark.usefixtures("_traffic")
@pytest.mark.parametrize(
    ("parameters", "values"),
    [
        ({"by": "source"}, [(None, "Direct"), ("Google", "Google")]),
        ({"by": "channel"}, [("Direct", "Direct"), ("Organic Search", "Organic Search")]),
        ({"by": "page", "sort": "pageviews"}, [("/b", "/b"), ("/", "/"), ("/a", "/a")]),
        ({"by": "page", "limit": 1, "offset": 2}, [("/b", "/b")]),
        ({"by": "page", "search": "A"}, [("/a", "/a")]),
        ({"by": "country", "search": "germ"}, [("DE", "Germany")]),
        ({"by": "country", "search": "zz"}, []),
        ({"by": "country", "country__not": "DE", "sort": "-sessions"}, None),
        ({"by": "entryPage", "country": ["DE", "AT"], "page": "/a"}, None),
    ],
)
def test_rows_are_sorted_searched_and_paged(ask, parameters, values):
    response = ask(parameters)
    assert response.status_code == 200
    found = [(each["value"], each["label"]) for each in response.json()["rows"]]
    if values is not None:
        assert found == values
    if "search" in parameters:
        assert response.json()["meta"]["total"] == len(values)


@pytest.mark.usefixtures("_traffic")
@pytest.mark.parametrize(
    ("query", "filters", "visitors"),
    [
        ("country=DE", [["country", "is", ["DE"]]], 2),
        ("country=DE&country=AT", [["country", "is", ["DE", "AT"]]], 3),
        ("country=DE&country=DE", [["country", "is", ["DE"]]], 2),
        ("country__not=DE", [["country", "not", ["DE"]]], 2),
        ("country__known=true", [["country", "known", ["true"]]], 3),
        ("country__known=false", [["country", "known", ["false"]]], 1),
        (
            "country=DE&source=Google",
            [["country", "is", ["DE"]], ["source", "is", ["Google"]]],
            1,
        ),
        ("page__contains=B", [["page", "contains", ["B"]]], 1),
        ("page__excludes=a", [["page", "excludes", ["a"]]], 2),
        ("page__matches=/*", [["page", "matches", ["/*"]]], 4),
        ("country=%27%3B--", [["country", "is", ["';--"]]], 0),
        ("page__contains=%25", [["page", "contains", ["%"]]], 0),
        ("city=%ED%A0%80", [["city", "is", ["���"]]], 0),
    ],
)
def test_conditions_choose_sessions(ask, query, filters, visitors):
    body = {
        "rows": [],
        "totals": {"metrics": {"visitors": visitors}},
        "meta": meta_body(*DAYS_28, filters=filters),
    }
    assert_response(ask(f"{query}&metrics=visitors"), 200, body)


@pytest.mark.usefixtures("_traffic")
def test_all_metrics_of_pages(ask):
    names = "visitors,sessions,pageviews,events,bounceRate,entries,exits,exitRate,timeOnPage"
    response = ask({"by": "page", "metrics": names, "page": "/a"})
    numbers = {
        "visitors": 2,
        "sessions": 2,
        "pageviews": 2,
        "events": 0,
        "bounceRate": 50.0,
        "entries": 1,
        "exits": 2,
        "exitRate": 100.0,
        "timeOnPage": None,
    }
    meta = meta_body(*DAYS_28, total=1, filters=[["page", "is", ["/a"]]], coverage=0.0)
    body = {
        "rows": [row("/a", "/a", numbers)],
        "totals": {"metrics": numbers},
        "meta": meta,
    }
    assert_response(response, 200, body)


def test_coverage_is_the_share_of_page_views_that_told(ask, post):
    engaged = {"name": "$engagement", "seconds": 12, "scroll": 80}
    post(
        event(NOW - HOUR, "anna"),
        event(NOW - HOUR + timedelta(seconds=12), "anna", eventType="custom", properties=engaged),
        event(NOW - HOUR, "bert"),
        event(NOW - HOUR, "carl"),
    )
    body = {
        "rows": [],
        "totals": {"metrics": {"timeOnPage": 12.0, "scrollDepth": 80.0, "events": 0}},
        "meta": meta_body(*DAYS_28, coverage=0.333),
    }
    assert_response(ask({"metrics": "timeOnPage,scrollDepth,events"}), 200, body)


def test_properties_of_custom_events(ask, post, website):
    def bought(at, visitor, **properties):
        return event(at, visitor, eventType="custom", properties={"name": "buy"} | properties)

    post(
        bought(NOW - HOUR, "anna", plan="pro", my__key=5),
        bought(NOW - 30 * HOUR, "bert", plan="free"),
        bought(NOW - HOUR, "carl"),
    )
    assert rollup.refresh(website, 60)
    sealing.seal(website.pk, (NOW - 30 * HOUR).date(), ZoneInfo("UTC"))
    rows = ask("by=property.plan&metrics=visitors,events").json()["rows"]
    numbers = {"visitors": 1, "events": 1}
    assert rows == [row("free", "free", numbers), row("pro", "pro", numbers)]
    for query, visitors in (
        ("property.plan=pro", 1),
        ("property.plan__not=pro", 2),
        ("property.plan__known=true", 2),
        ("property.my__key=5", 1),
        ("property.my__key__known=false", 2),
    ):
        body = ask(f"{query}&metrics=visitors").json()
        assert body["totals"] == {"metrics": {"visitors": visitors}}, query


def test_bots_count_only_where_they_are_asked_for(ask, post):
    post(event(NOW - HOUR, "anna"))
    post(event(NOW - HOUR, "robot", "/robots"), headers=BOT)
    for parameters, visitors in (({}, 1), ({"bots": "only"}, 1), ({"page": "/robots"}, 0)):
        totals = ask({"metrics": "visitors"} | parameters).json()["totals"]
        assert totals == {"metrics": {"visitors": visitors}}
    [only] = ask({"by": "page", "bots": "only"}).json()["rows"]
    assert only["value"] == "/robots"


HOSTILE = "/<script>alert(1)</script>"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_cells_of_csv_are_no_formulas(ask, post, start):
    name = f'{start}HYPERLINK("https://evil.example";"x,y")'
    post(event(NOW, "anna", eventType="custom", properties={"name": name}))
    response = ask({"by": "event", "metrics": "visitors,bounceRate"}, path="stats.csv")
    quoted = name.replace('"', '""')
    expected = f'event,label,visitors,bounceRate\r\n"\'{quoted}","\'{quoted}",1,\r\n'
    assert response.content.decode() == expected
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    name = 'attachment; filename="example.com-event-2026-03-02.csv"'
    assert response["Content-Disposition"] == name


def test_csv_has_rows_beyond_ten_and_what_they_are_compared_with(ask, post):
    post(*(event(NOW, f"v{n}", f"/{n:02}") for n in range(12)))
    lines = ask("by=page&metrics=visitors&compare=previous", path="stats.csv").content.decode()
    rows = [f"/{n:02},/{n:02},1,0" for n in range(12)]
    assert lines.split("\r\n") == ["page,label,visitors,previous.visitors", *rows, ""]
    lines = ask("by=page&metrics=visitors&limit=2&offset=1", path="stats.csv").content.decode()
    assert lines.split("\r\n") == ["page,label,visitors", "/01,/01,1", "/02,/02,1", ""]


def test_csv_of_totals_and_of_a_series(ask, post):
    post(event(NOW, "é", "/"))
    assert ask(path="stats.csv").content == b"visitors,sessions,pageviews\r\n1,1,1\r\n"
    lines = ask("by=time&period=month&interval=week&metrics=visitors", path="stats.csv").content
    assert lines.decode().split("\r\n") == [
        "time,visitors",
        "2026-03-01T00:00:00+00:00,0",
        "2026-03-02T00:00:00+00:00,0",
        "2026-03-09T00:00:00+00:00,0",
        "2026-03-16T00:00:00+00:00,0",
        "2026-03-23T00:00:00+00:00,1",
        "",
    ]


def test_an_answer_of_an_earlier_time_says_so(ask, post, monkeypatch, at_now):
    post(event(NOW, "anna"))
    at_now.move(seconds=30)
    monkeypatch.setattr("analytics.reports.derived.rollup.refresh", lambda website, seconds: False)
    body = ask({"metrics": "visitors"}).json()
    assert body["totals"] == {"metrics": {"visitors": 0}}
    assert body["meta"]["asOf"] == "2026-03-29T12:03:00.000Z"
