"""GET /api/v1/websites/:id/funnels/:funnelId/stats"""

from datetime import timedelta

import pytest

from tests.support.responses import assert_error, assert_response
from tests.support.statistics import DATABASES, NOW, assert_refused, meta_body
from tests.support.websites import NOT_FOUND
from websites import tokens
from websites.goal_models import Funnel

pytestmark = pytest.mark.django_db(databases=DATABASES)

SITE = "https://example.com"
DAYS_28 = ("2026-03-02T00:00:00+00:00", "2026-03-30T00:00:00+00:00")
NO_SUCH = "019c0428-0ea0-7bae-841b-02c41ed0fd8a"


def page(value):
    return {"kind": "page", "value": value, "properties": []}


def event(value, *properties):
    return {"kind": "event", "value": value, "properties": list(properties)}


@pytest.fixture
def make_funnel(website):
    def make(*steps, **fields):
        usual = {"name": "Checkout", "steps": list(steps)}
        return Funnel.objects.create(website=website, **usual | fields)

    return make


@pytest.fixture
def ask_funnel(ask):
    def ask_funnel(funnel, query="", *, path="stats", **more):
        return ask(query, path=f"funnels/{getattr(funnel, 'id', funnel)}/{path}", **more)

    return ask_funnel


def at(minutes):
    return NOW - timedelta(hours=3) + timedelta(minutes=minutes)


def view(minutes, path, session="s1", **more):
    fields = {"url": SITE + path, "sessionId": session, "visitorId": f"of {session}"}
    return at(minutes), fields | more


def custom(minutes, name, session="s1", **properties):
    properties = {"name": name} | properties
    return view(minutes, "/", session, eventType="custom", properties=properties)


def counts_of(response):
    assert response.status_code == 200, response.content
    return [row["metrics"]["visitors"] for row in response.json()["rows"]]


@pytest.mark.usefixtures("at_now")
def test_steps_of_different_kinds_are_counted(ask_funnel, make_funnel, post):
    funnel = make_funnel(page("/products/*"), page("/cart"), event("purchase"))
    post(
        *(view(0, "/products/1"), view(1, "/"), view(2, "/cart"), custom(5, "purchase")),
        *(view(0, "/products/2", "s2"), view(4, "/cart", "s2")),
        *(view(9, "/products/3", "s3"), custom(10, "purchase", "s3")),
        *(view(0, "/cart", "s4"), view(1, "/products/4", "s4")),
    )
    names = ["/products/*", "/cart", "purchase"]
    rows = [
        (4, 4, 100.0, None, None, None),
        (2, 2, 50.0, 50.0, 2, 180.0),
        (1, 1, 25.0, 50.0, 1, 180.0),
    ]
    keys = [
        *("visitors", "sessions", "conversionFromFirst", "conversionFromPrevious"),
        *("dropOff", "medianSeconds"),
    ]
    body = {
        "rows": [
            {
                "value": str(number),
                "label": name,
                "metrics": dict(zip(keys, row, strict=True)),
            }
            for number, (name, row) in enumerate(zip(names, rows, strict=True), 1)
        ],
        "totals": {"metrics": {"started": 4, "completed": 1, "conversionRate": 25.0}},
        "meta": meta_body(*DAYS_28, total=3, limit=3),
    }
    assert_response(ask_funnel(funnel), 200, body)


@pytest.mark.usefixtures("at_now")
def test_without_anybody_rates_are_null(ask_funnel, make_funnel):
    funnel = make_funnel(page("/"), page("/a"))
    body = ask_funnel(funnel, "compare=previous").json()
    nothing = {
        "visitors": 0,
        "sessions": 0,
        "conversionFromFirst": None,
        "conversionFromPrevious": None,
        "dropOff": None,
        "medianSeconds": None,
    }
    first = {"value": "1", "label": "/", "metrics": nothing, "previous": nothing}
    assert body["rows"][0] == first
    assert body["rows"][1]["metrics"] == nothing | {"dropOff": 0}
    totals = {"started": 0, "completed": 0, "conversionRate": None}
    assert body["totals"] == {"metrics": totals, "previous": totals}


@pytest.mark.usefixtures("at_now")
def test_a_rate_below_one_per_cent_has_a_decimal(ask_funnel, make_funnel, post):
    funnel = make_funnel(page("/"), page("/a"))
    post(*(view(0, "/", f"s{n}") for n in range(250)), view(1, "/a", "s0"))
    row = ask_funnel(funnel).json()["rows"][1]["metrics"]
    assert (row["conversionFromFirst"], row["dropOff"]) == (0.4, 249)


@pytest.mark.usefixtures("at_now")
def test_an_event_is_not_two_steps(ask_funnel, make_funnel, post):
    funnel = make_funnel(page("/a"), page("/a"), page("/**"))
    post(view(0, "/a"), view(0, "/a", "s2"), view(1, "/a", "s2"))
    assert counts_of(ask_funnel(funnel)) == [2, 1, 0]


@pytest.mark.usefixtures("at_now")
def test_an_event_on_a_page_is_no_view_of_it(ask_funnel, make_funnel, post):
    funnel = make_funnel(page("/"), page("/a"))
    post(view(0, "/"), view(1, "/a", eventType="custom", properties={"name": "x"}))
    assert counts_of(ask_funnel(funnel)) == [1, 0]
    post(view(2, "/a"))
    assert counts_of(ask_funnel(funnel)) == [1, 1]


@pytest.mark.usefixtures("at_now")
def test_properties_tell_events_of_one_moment_apart(ask_funnel, make_funnel, post):
    pro = {"key": "plan", "operator": "is", "values": ["pro"]}
    funnel = make_funnel(event("buy", pro), event("buy", pro))
    post(custom(0, "buy", plan="free"), custom(0, "buy", plan="pro"))
    assert counts_of(ask_funnel(funnel)) == [1, 0]
    post(custom(0, "buy", "s2", plan="pro"), custom(0, "buy", "s2", plan="pro"))
    assert counts_of(ask_funnel(funnel)) == [2, 1]


@pytest.mark.usefixtures("at_now")
def test_a_strict_funnel_allows_nothing_in_between(ask_funnel, make_funnel, post):
    funnel = make_funnel(page("/a"), page("/b"), order="strict")
    post(
        *(view(0, "/a", "s1"), view(1, "/x", "s1"), view(2, "/b", "s1")),
        *(view(0, "/a", "s2"), custom(1, "other", "s2"), view(2, "/b", "s2")),
        *(view(0, "/a", "s3"), view(1, "/a", "s3"), view(2, "/b", "s3")),
    )
    assert counts_of(ask_funnel(funnel)) == [3, 2]


@pytest.mark.usefixtures("at_now")
def test_a_visitor_has_some_days_in_any_sessions(ask_funnel, make_funnel, post):
    funnel = make_funnel(page("/a"), page("/b"), scope="visitor", window_days=1)
    day = 24 * 60
    post(
        *(view(-day, "/a", "s1", visitorId="v1"), view(0, "/b", "s2", visitorId="v1")),
        *(view(-day, "/a", "s3", visitorId="v2"), view(1, "/b", "s4", visitorId="v2")),
    )
    response = ask_funnel(funnel)
    assert counts_of(response) == [2, 1]
    assert [row["metrics"]["sessions"] for row in response.json()["rows"]] == [None, None]
    assert response.json()["rows"][1]["metrics"]["medianSeconds"] == 86_400.0


@pytest.mark.usefixtures("at_now")
def test_conditions_and_ranges_choose_sessions(ask_funnel, make_funnel, post):
    funnel = make_funnel(page("/a"), page("/b"))
    post(
        *(view(0, "/a", location="DE"), view(1, "/b")),
        *(view(0, "/a", "s2", location="AT"), view(1, "/b", "s2")),
    )
    assert counts_of(ask_funnel(funnel, "country=DE")) == [1, 1]
    assert counts_of(ask_funnel(funnel, "page=/b&country__not=DE")) == [1, 1]
    assert counts_of(ask_funnel(funnel, "period=yesterday")) == [0, 0]
    before = ask_funnel(funnel, "period=yesterday&compareFrom=2026-03-29&compareTo=2026-03-29")
    assert [row["previous"]["visitors"] for row in before.json()["rows"]] == [2, 2]


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("days=7", {"days": ["Unknown parameter"]}),
        ("metrics=visitors", {"metrics": ["Unknown parameter"]}),
        ("by=page", {"by": ["Unknown parameter"]}),
        ("limit=5", {"limit": ["Unknown parameter"]}),
        ("period=all&from=2026-01-01", {"period": ["Excludes from and to"]}),
        (
            "from=2026-01-01&to=2026-04-03",
            {"from": ["A range of a funnel may have at most 92 days"]},
        ),
        ("period=12mo", {"period": ["A range of a funnel may have at most 92 days"]}),
        (
            "from=2025-06-01&to=2025-06-02&compareFrom=2025-01-01&compareTo=2025-04-04",
            {"compareFrom": ["A range of a funnel may have at most 92 days"]},
        ),
    ],
)
@pytest.mark.usefixtures("at_now")
def test_a_broken_question_is_refused(ask_funnel, make_funnel, query, fields):
    assert_refused(ask_funnel(make_funnel(page("/"), page("/a")), query), **fields)


@pytest.mark.usefixtures("at_now")
def test_92_days_are_allowed(ask_funnel, make_funnel):
    funnel = make_funnel(page("/"), page("/a"))
    assert counts_of(ask_funnel(funnel, "from=2026-01-01&to=2026-04-02")) == [0, 0]


@pytest.mark.usefixtures("at_now")
def test_comma_separated_values(ask_funnel, make_funnel, post):
    funnel = make_funnel(page("/a"), event("=buy"))
    post(view(0, "/a"))
    response = ask_funnel(funnel, path="stats.csv")
    assert response.content.decode().splitlines() == [
        "step,label,visitors,sessions,conversionFromFirst,conversionFromPrevious,dropOff,"
        "medianSeconds",
        "1,/a,1,1,100.0,,,",
        "2,'=buy,0,0,0.0,0.0,1,",
    ]
    disposition = 'attachment; filename="example.com-step-2026-03-02.csv"'
    assert response["Content-Disposition"] == disposition


@pytest.mark.parametrize("id", ["x", "%00", NO_SUCH])
def test_an_unknown_funnel_is_not_found(ask_funnel, id):
    assert_error(ask_funnel(id), 404, "NOT_FOUND", "Funnel not found")


def test_for_strangers_there_is_no_such_website(ask_funnel, make_funnel, make_user):
    as_stranger = tokens.issue(make_user("stranger@example.com")).access
    funnel = make_funnel(page("/"), page("/a"))
    assert_error(ask_funnel(funnel, "by=x", as_token=as_stranger), *NOT_FOUND)


def test_a_funnel_that_takes_too_long_is_unavailable(ask_funnel, make_funnel, foreign, monkeypatch):
    funnel = make_funnel(page("/"), page("/a"))
    foreign.execute("LOCK TABLE analytics_websitesession IN ACCESS EXCLUSIVE MODE")
    monkeypatch.setattr("config.server.capacity.STATISTICS.seconds", 0.2)
    unavailable = (503, "SERVICE_UNAVAILABLE", "Event storage is unavailable")
    assert_error(ask_funnel(funnel), *unavailable)
