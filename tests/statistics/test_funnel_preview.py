"""GET /api/v1/websites/:id/funnels/preview/stats: a funnel that is tried out, and not stored"""

import json
from datetime import timedelta
from typing import Any

import pytest

from config.api.openapi.document import document
from tests.support.responses import assert_error
from tests.support.shares import token_of_share
from tests.support.statistics import DATABASES, NOW, assert_refused
from tests.support.websites import NOT_FOUND
from websites import tokens
from websites.models import Funnel

pytestmark = pytest.mark.django_db(databases=DATABASES)
PATH = "funnels/preview/stats"
BUY = {
    "kind": "event",
    "value": "buy",
    "properties": [{"key": "plan", "operator": "is", "values": ["pro"]}],
}
STEPS: list[dict[str, Any]] = [{"kind": "page", "value": "/a"}, BUY]


@pytest.fixture
def visits(at_now, post):
    """Three sessions see a page, and later one more; one buys what fits, and one something else."""
    sent: list[Any] = []
    for n, plan in enumerate(["pro", "free", None]):
        who = {"sessionId": f"s{n}", "visitorId": f"v{n}"}
        at = NOW - timedelta(hours=1)
        sent.append((at, {**who, "url": "https://example.com/a"}))
        between = {**who, "url": "https://example.com/b"}
        sent.append((at + timedelta(seconds=10), between))
        if plan:
            bought = {"eventType": "custom", "properties": {"name": "buy", "plan": plan}}
            sent.append((at + timedelta(seconds=30), {**who, **bought}))
    post(*sent)


def query_of(steps=STEPS, **more):
    return {"steps": json.dumps(steps)} | more


@pytest.mark.parametrize(
    "definition",
    [{}, {"scope": "visitor", "windowDays": "7"}, {"order": "strict"}, {"scope": "session"}],
)
def test_it_counts_what_a_stored_funnel_does(ask, website, visits, definition):
    days = {"window_days": 7} if "windowDays" in definition else {}
    more = {name: value for name, value in definition.items() if name != "windowDays"}
    steps = [each | {"properties": each.get("properties", [])} for each in STEPS]
    funnel = Funnel.objects.create(website=website, name="Stored", steps=steps, **days, **more)
    asked = {"period": "7d", "compare": "previous", "country__known": "false"}
    for suffix in ("", ".csv"):
        preview = ask(query_of(**definition, **asked), path=PATH + suffix)
        stored = ask(asked, path=f"funnels/{funnel.pk}/stats{suffix}")
        assert preview.status_code == 200, preview.content
        assert preview.content == stored.content
    totals = ask(query_of(**definition), path=PATH).json()["totals"]["metrics"]
    assert totals["started"] == 3
    assert totals["completed"] == (0 if "order" in definition else 1)
    assert Funnel.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"steps": ""}, {"steps": ["Expected steps as JSON"]}),
        ({"steps": "[" * 10_000}, {"steps": ["Expected steps as JSON"]}),
        ({"steps": '["\\ud800"]'}, {"steps": ["Expected steps as JSON"]}),
        ({"steps": "x" * 20_001}, {"steps": ["At most 20000 characters are allowed"]}),
        ({"steps": "{}"}, {"steps": ["Expected array, received object"]}),
        ({"steps": "[]"}, {"steps": ["Array must contain at least 2 element(s)"]}),
        (
            query_of([{"kind": "page", "value": "a"}, BUY]),
            {"steps": ["Expected a path or a pattern such as /blog/*"]},
        ),
        (
            query_of([{"kind": "event", "value": "a\0"}, BUY]),
            {"steps": ["NUL characters are not allowed"]},
        ),
        ({"scope": "visitor"}, {"windowDays": ["Required with scope=visitor"]}),
        ({"windowDays": "7"}, {"windowDays": ["Needs scope=visitor"]}),
        ({"nope": "1"}, {"nope": ["Unknown parameter"]}),
        ({"limit": "1"}, {"limit": ["Unknown parameter"]}),
        ({"period": "12mo"}, {"period": ["A range of a funnel may have at most 92 days"]}),
    ],
)
def test_what_makes_no_sense_is_refused(ask, at_now, change, errors):
    assert_refused(ask(query_of() | change, path=PATH), **errors)


def test_steps_are_required(ask):
    assert_refused(ask("", path=PATH), steps=["Required"])


def test_who_may_ask(ask, website, make_user, make_website, visits):
    stranger = tokens.issue(make_user("stranger@example.com")).access
    assert_error(ask(query_of(), path=PATH, as_token=stranger), *NOT_FOUND)
    share = token_of_share(website)
    assert ask(query_of(), path=PATH, as_token=share).status_code == 200


def test_the_examples_of_its_description_run(ask):
    path = document()["paths"]["/api/v1/websites/{id}/funnels/preview/stats"]
    for parameter in path["get"]["parameters"]:
        if parameter["name"] == "steps":
            assert ask({"steps": parameter["example"]}, path=PATH).status_code == 200
            return
    raise AssertionError("steps are not described")
