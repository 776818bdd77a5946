"""Pages of goals and funnels: numbers, and forms that work without scripts"""

import re
from html import unescape

import pytest
from django.test import Client

from tests.support.events import PATH, event_of
from websites.models import Funnel, Goal

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

HOSTILE = "<script>alert(1)</script>\"'&{{ x }}"
TEXTS = ["a\0b", "\ud800", "x" * 100_000, "<b>", "%s {} {{", "\u202e", " ", "$x"]
GOAL = {
    "name": "Purchase",
    "kind": "event",
    "value": "buy",
    "properties": "plan is pro\nplan is team\ncoupon known true",
    "revenueProperty": "amount",
}
FUNNEL = {
    "name": "Checkout",
    "scope": "session",
    "windowDays": "7",
    "order": "sequential",
    "kind": ["page", "event", "page", "page"],
    "value": ["/a", "buy", "", ""],
    "properties": ["", "plan is pro", "", ""],
}


@pytest.fixture
def base(website):
    return f"/websites/{website.pk}/"


def text_of(response):
    """Return the text of a page, without its markup."""
    text = re.sub(r"<script.*?</script>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return " ".join(unescape(text).split())


def send(api, website, path="/", session="s1", name=None, **properties):
    changes = {"url": f"https://example.com{path}", "sessionId": session, "visitorId": session}
    if name:
        changes |= {"eventType": "custom", "properties": {"name": name} | properties}
    assert api.post(PATH, event_of(website, **changes)).status_code == 201


# Goals


def test_a_goal_is_added_changed_and_deleted(browser, base):
    assert "No goal yet" in text_of(browser.get(f"{base}goals/"))
    response = browser.post(f"{base}goals/new/", GOAL, follow=True)
    assert response.redirect_chain == [(f"{base}goals/", 302)]
    goal = Goal.objects.get()
    assert (goal.kind, goal.value, goal.revenue_property) == ("event", "buy", "amount")
    assert goal.properties == [
        {"key": "plan", "operator": "is", "values": ["pro", "team"]},
        {"key": "coupon", "operator": "known", "values": ["true"]},
    ]
    page = browser.get(f"{base}goals/{goal.pk}/edit/").content.decode()
    assert "plan is pro\nplan is team\ncoupon known true</textarea>" in page
    change = GOAL | {"kind": "page", "value": "/a", "properties": "", "revenueProperty": ""}
    browser.post(f"{base}goals/{goal.pk}/edit/", change)
    goal.refresh_from_db()
    assert (goal.kind, goal.value, goal.properties, goal.revenue_property) == (
        *("page", "/a", []),
        None,
    )
    browser.post(f"{base}goals/{goal.pk}/edit/", {"delete": "yes"})
    assert not Goal.objects.exists()


def test_goals_have_numbers_and_lead_to_the_dashboard(api, browser, website, base):
    goal = Goal.objects.create(website=website, name="Bought", kind="event", value="buy")
    Goal.objects.create(website=website, name="Seen", kind="page", value="/a")
    send(api, website, "/a", "s1")
    send(api, website, "/", "s1", name="buy")
    send(api, website, "/", "s1", name="buy")
    send(api, website, "/", "s2")
    text = text_of(browser.get(f"{base}goals/"))
    assert "Bought 1 2 50.0 % Who · Change" in text
    assert "Seen 1 1 50.0 % Who · Change" in text
    filtered = browser.get(f"{base}?goal={goal.pk}")
    assert "Goal is Bought" in text_of(filtered)
    assert "Visitors 1" in text_of(filtered)
    dashboard = browser.get(base).content.decode()
    assert f'hx-get="{base}goals/?' in dashboard


def test_revenue_is_shown_where_a_goal_knows_it(api, browser, website, base):
    fields = {"name": "Bought", "kind": "event", "value": "buy", "revenue_property": "amount"}
    Goal.objects.create(website=website, **fields)
    send(api, website, name="buy", amount=1234.5)
    assert "Bought 1 1 100.0 % 1,234.50 1,234.50 Who · Change" in text_of(
        browser.get(f"{base}goals/")
    )


def test_a_filter_by_a_goal_that_is_gone_is_explained(browser, base, website):
    goal = Goal.objects.create(website=website, name="A", kind="page", value="/a")
    goal.delete()
    response = browser.get(f"{base}?goal={website.pk}")
    assert response.status_code == 400
    assert "Unknown goal" in text_of(response)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"name": ""}, "Name: String must contain at least 1 character(s)"),
        ({"kind": "page"}, "Page or event: Expected a path or a pattern such as /blog/*"),
        ({"properties": "nonsense"}, "Conditions are lines such as: plan is pro"),
        ({"properties": "plan known maybe"}, "Expected one of true and false with known"),
        ({"kind": "page", "value": "/a"}, "Conditions: Needs kind=event"),
    ],
)
def test_what_is_wrong_with_a_goal_is_said(browser, base, change, error):
    response = browser.post(f"{base}goals/new/", GOAL | change)
    assert response.status_code == 400
    assert error in text_of(response)
    assert not Goal.objects.exists()


def test_a_name_that_is_taken_is_said(browser, base):
    browser.post(f"{base}goals/new/", GOAL)
    response = browser.post(f"{base}goals/new/", GOAL)
    assert response.status_code == 400
    assert "This website has a goal of this name" in text_of(response)


# Funnels


def test_a_funnel_is_added_changed_and_deleted(browser, base):
    assert "No funnel yet" in text_of(browser.get(f"{base}funnels/"))
    response = browser.post(f"{base}funnels/new/", FUNNEL, follow=True)
    funnel = Funnel.objects.get()
    assert response.redirect_chain == [(f"{base}funnels/{funnel.pk}/", 302)]
    condition = {"key": "plan", "operator": "is", "values": ["pro"]}
    assert funnel.steps == [
        {"kind": "page", "value": "/a", "properties": []},
        {"kind": "event", "value": "buy", "properties": [condition]},
    ]
    assert (funnel.scope, funnel.window_days, funnel.order) == ("session", None, "sequential")
    assert (
        "plan is pro</textarea>" in browser.get(f"{base}funnels/{funnel.pk}/edit/").content.decode()
    )
    change = FUNNEL | {"scope": "visitor", "order": "strict", "name": "Renamed"}
    browser.post(f"{base}funnels/{funnel.pk}/edit/", change)
    funnel.refresh_from_db()
    assert (funnel.name, funnel.scope, funnel.window_days) == ("Renamed", "visitor", 7)
    assert "Renamed" in text_of(browser.get(f"{base}funnels/"))
    browser.post(f"{base}funnels/{funnel.pk}/edit/", {"delete": "yes"})
    assert not Funnel.objects.exists()


@pytest.fixture
def funnel(website):
    steps = [
        {"kind": "page", "value": "/a", "properties": []},
        {"kind": "event", "value": "buy", "properties": []},
    ]
    return Funnel.objects.create(website=website, name="Checkout", steps=steps)


def test_a_funnel_shows_its_steps(api, browser, website, base, funnel):
    for session in ("s1", "s2", "s3"):
        send(api, website, "/a", session)
    send(api, website, "/a", "s1", name="buy")
    response = browser.get(f"{base}funnels/{funnel.pk}/?compare=previous")
    text = text_of(response)
    assert "33.3 %" in text
    assert "3 began, 1 took the last step" in text
    assert "1. /a Page 3 new 3 new 100.0 % - - -" in text
    assert "2. buy Custom event 1 new 1 new 33.3 % 33.3 % 2 new" in text
    assert 'height="33.3"' in response.content.decode()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (
            {"value": ["/a", "", "", ""], "properties": [""] * 4},
            "Steps: Array must contain at least",
        ),
        ({"value": ["a", "buy", "", ""]}, "Step 1: Page or event: Expected a path"),
        ({"scope": "visitor", "windowDays": "x"}, "Days: Expected integer"),
        ({"scope": "visitor", "windowDays": "91"}, "Days: Number must be less than or equal"),
        ({"properties": ["", "nonsense", "", ""]}, "Step 2: Conditions are lines such as"),
    ],
)
def test_what_is_wrong_with_a_funnel_is_said(browser, base, change, error):
    response = browser.post(f"{base}funnels/new/", FUNNEL | change)
    assert response.status_code == 400
    assert error in text_of(response)
    assert not Funnel.objects.exists()


def test_a_range_that_is_too_long_is_explained(browser, base, funnel):
    response = browser.get(f"{base}funnels/{funnel.pk}/?period=12mo")
    assert response.status_code == 400
    assert "A range of a funnel may have at most 92 days" in text_of(response)


# Who sees what


@pytest.fixture
def goal(website):
    return Goal.objects.create(website=website, name="Seen", kind="page", value="/a")


PAGES = ["goals/", "goals/{goal}/", "funnels/", "funnels/{funnel}/"]
FORMS = ["goals/new/", "goals/{goal}/edit/", "funnels/new/", "funnels/{funnel}/edit/"]


@pytest.mark.parametrize("page", PAGES + FORMS)
def test_for_strangers_there_is_no_such_website(base, make_user, goal, funnel, page):
    stranger = Client()
    stranger.force_login(make_user("stranger@example.com"))
    path = base + page.format(goal=goal.pk, funnel=funnel.pk)
    assert stranger.get(path).status_code == 404
    assert stranger.post(path, GOAL | {"delete": "yes"}).status_code in (404, 405)
    assert (Goal.objects.count(), Funnel.objects.count()) == (1, 1)
    assert Client().get(path).status_code == 302


@pytest.mark.parametrize("page", FORMS)
def test_staff_look_and_do_not_change(base, staff_api, goal, funnel, page):
    assert staff_api.get(f"{base}goals/").status_code == 200
    assert "Add a goal" not in text_of(staff_api.get(f"{base}goals/"))
    path = base + page.format(goal=goal.pk, funnel=funnel.pk)
    assert staff_api.get(path).status_code == 404
    assert staff_api.post(path, {"delete": "yes"}).status_code == 404
    assert (Goal.objects.count(), Funnel.objects.count()) == (1, 1)


@pytest.mark.parametrize("page", ["goals/{}/", "goals/{}/edit/", "funnels/{}/", "funnels/{}/edit/"])
def test_those_of_other_websites_are_not_there(browser, make_website, user, goal, funnel, page):
    other = make_website(user, "other.example")
    for each in (goal, funnel):
        assert browser.get(f"/websites/{other.pk}/{page.format(each.pk)}").status_code == 404


@pytest.mark.parametrize("page", FORMS)
def test_without_a_token_of_the_form_nothing_changes(user, base, goal, funnel, page):
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(user)
    path = base + page.format(goal=goal.pk, funnel=funnel.pk)
    assert forged.post(path, GOAL | {"delete": "yes"}).status_code == 403
    assert (Goal.objects.count(), Funnel.objects.count()) == (1, 1)


# Hostile texts


def test_hostile_texts_stay_texts(api, browser, website, base):
    Goal.objects.create(website=website, name=HOSTILE, kind="event", value=HOSTILE)
    step = {"kind": "event", "value": HOSTILE, "properties": []}
    funnel = Funnel.objects.create(website=website, name=HOSTILE, steps=[step, step])
    send(api, website, name=HOSTILE)
    for page in ("goals/", "funnels/", f"funnels/{funnel.pk}/", f"funnels/{funnel.pk}/edit/"):
        html = browser.get(base + page).content.decode()
        assert "<script>alert" not in html
        assert "&lt;script&gt;alert(1)" in html
        assert re.search(r"<script(?![^>]* src=)|\son\w+=|\sstyle=", html) is None


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
@pytest.mark.parametrize("field", GOAL)
def test_a_goal_to_be(browser, base, field, text):
    form = GOAL | {field: text.encode("utf-8", "surrogatepass")}
    assert browser.post(f"{base}goals/new/", form).status_code in (302, 400)
    assert browser.get(f"{base}goals/").status_code == 200


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
@pytest.mark.parametrize("field", FUNNEL)
def test_a_funnel_to_be(browser, base, field, text):
    encoded = text.encode("utf-8", "surrogatepass")
    form = FUNNEL | {field: [encoded] * 4 if isinstance(FUNNEL[field], list) else encoded}
    response = browser.post(f"{base}funnels/new/", form, follow=True)
    assert response.status_code in (200, 400)


@pytest.mark.parametrize("page", ["goals/", "funnels/{}/"])
def test_without_the_analytics_database(browser, base, funnel, analytics_away, page):
    response = browser.get(base + page.format(funnel.pk))
    assert response.status_code == 503
    assert "try again soon" in text_of(response)
