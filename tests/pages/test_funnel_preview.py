"""The page on which an owner tries a funnel out, and saves it"""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from tests.support.events import PATH, event_of
from tests.support.pages import text_of
from tests.support.shares import token_of_share
from websites.models import Funnel

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])
HOSTILE = "<script>alert(1)</script>\"'&{{ x }}"
FORM = {
    "kind": ["page", "event", "page"],
    "value": ["/a", "buy", ""],
    "properties": ["", "plan is pro\nplan is team", ""],
    "scope": "visitor",
    "windowDays": "3",
    "order": "sequential",
}


@pytest.fixture
def base(api, website):
    """The path of the page, of a website on which one of two visitors buys."""
    for n in range(2):
        who = {"sessionId": f"s{n}", "visitorId": f"v{n}"}
        api.post(PATH, event_of(website, **who, url="https://example.com/a"))
    bought = {"eventType": "custom", "properties": {"name": "buy", "plan": "team"}}
    api.post(PATH, event_of(website, **who, **bought))
    return f"/websites/{website.pk}/funnels/try/"


def hidden_in(response):
    """Return the fields of the form that saves."""
    html = response.content.decode()
    form = html[html.index('<form class="row" method="post"') :].partition("</form>")[0]
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form):
        found.setdefault(name, []).append(unescape(value))
    del found["csrfmiddlewaretoken"]
    return found


def test_a_form_leads_to_a_link_that_shows_the_steps_and_saves_nothing(browser, base):
    assert "Try a funnel" in text_of(browser.get(base))
    sent = browser.get(base, FORM | {"period": "7d"})
    query = parse_qs(urlsplit(sent["Location"]).query)
    assert sent.status_code == 302
    assert query.keys() == {"steps", "scope", "windowDays", "order", "period"}
    shown = browser.get(base + sent["Location"])
    text = text_of(shown)
    assert "2 began, 1 took the last step" in text
    assert "50.0 % took the last step" in text
    assert "Visitors, within 3 days of the first step" in text
    assert "Last 7 days" in text
    assert not Funnel.objects.exists()
    html = shown.content.decode()
    assert 'value="/a"' in html
    assert "plan is pro\nplan is team</textarea>" in html


def test_what_was_tried_out_is_saved(browser, website, base):
    shown = browser.get(base, FORM, follow=True)
    response = browser.post(
        f"/websites/{website.pk}/funnels/new/", {"name": "A"} | hidden_in(shown)
    )
    funnel = Funnel.objects.get()
    assert response["Location"] == f"/websites/{website.pk}/funnels/{funnel.pk}/"
    assert (funnel.name, funnel.scope, funnel.window_days) == ("A", "visitor", 3)
    condition = {"key": "plan", "operator": "is", "values": ["pro", "team"]}
    assert funnel.steps == [
        {"kind": "page", "value": "/a", "properties": []},
        {"kind": "event", "value": "buy", "properties": [condition]},
    ]


def test_the_link_keeps_its_steps_when_it_is_filtered(browser, base):
    link = browser.get(base, FORM)["Location"]
    added = browser.get(f"{base}{link}&add=device&op=is&value=mobile")
    assert added.status_code == 302
    text = text_of(browser.get(base + added["Location"]))
    assert "Device is mobile" in text
    assert "0 began" in text
    again = browser.get(f"{base}{added['Location']}&{urlsplit(link).query}&kind=page&value=/a")
    assert again.status_code == 400
    assert "Steps: Array must contain at least 2" in text_of(again)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (
            {"value": ["/a", "", ""], "properties": ["", "", ""]},
            "Steps: Array must contain at least",
        ),
        ({"value": ["a", "buy", ""]}, "Step 1: Page or event: Expected a path"),
        ({"windowDays": "x"}, "Days: Expected integer"),
        ({"properties": ["", "nonsense", ""]}, "Step 2: Conditions are lines such as"),
        ({"scope": "x"}, "Scope: "),
    ],
)
def test_what_is_wrong_is_said_and_stays_in_the_form(browser, base, change, error):
    response = browser.get(base, FORM | change)
    assert response.status_code == 400
    assert error in text_of(response)
    if "value" not in change:
        assert 'value="/a"' in response.content.decode()


@pytest.mark.parametrize("query", ["steps=x", "steps=[]", "steps=%00", "steps=1&steps=2", "steps="])
def test_a_link_without_sense_is_explained(browser, base, query):
    response = browser.get(f"{base}?{query}")
    assert response.status_code == 400
    assert "steps: " in text_of(response)
    assert "Begin anew" in text_of(response)
    assert "Try a funnel" in text_of(response)


@pytest.mark.parametrize(
    "text", ["a\0b", "\ud800", "x" * 3000, HOSTILE, "%s {} {{", "\u202e", "$x"]
)
@pytest.mark.parametrize("field", FORM)
def test_hostile_texts(browser, base, field, text):
    encoded = text.encode("utf-8", "replace")
    form = FORM | {field: [encoded] * 3 if isinstance(FORM[field], list) else encoded}
    response = browser.get(base, form, follow=True)
    assert response.status_code in (200, 400)
    assert "<script>alert" not in response.content.decode()


def test_it_is_for_the_owner_alone(base, website, make_user, staff_api):
    stranger = Client()
    stranger.force_login(make_user("stranger@example.com"))
    for client in (stranger, staff_api):
        assert client.get(base, FORM).status_code == 404
    assert Client().get(f"/share/{token_of_share(website)}/funnels/try/").status_code == 404
    shared = Client().get(f"/share/{token_of_share(website)}/funnels/")
    assert "Try one out" not in text_of(shared)


def test_without_the_analytics_database(browser, base, analytics_away):
    response = browser.get(base, FORM, follow=True)
    assert response.status_code == 503
    assert "try again soon" in text_of(response)
