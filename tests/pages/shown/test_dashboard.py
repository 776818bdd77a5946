"""The dashboard in a browser: on a narrow screen, by keyboard, and without scripts"""

import re

from tests.support.browser import NEEDS_BROWSER
from tests.support.live_client import send_request
from tests.support.shown_pages import HOSTILE, LOOKS, NARROW, Account

pytestmark = NEEDS_BROWSER


def test_menus_stay_on_a_narrow_screen(tab, sites):
    page = tab.open(sites["busy"])
    tab.look(NARROW, "light")
    for menu in page.locator("details.menu").all():
        menu.locator("summary").click()
        box = menu.locator("> div").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= NARROW
        page.keyboard.press("Escape")
    tab.look(*LOOKS[0])


def test_hostile_texts_are_texts(tab, sites):
    page = tab.open(f"{sites['busy']}by/event/")
    page.get_by_role("link", name=HOSTILE, exact=True).click()
    assert page.get_by_label("Filters").inner_text().startswith(f"Event is {HOSTILE}")
    page = tab.open(f"{sites['busy']}by/referrer/")
    assert page.locator("main img, main script").count() == 0


def test_back_after_a_filter(tab, sites):
    page = tab.open(sites["busy"])
    page.get_by_role("link", name="/pricing", exact=True).click()
    page.get_by_text("Page is /pricing").wait_for()
    page.go_back()
    assert page.url == tab.origin + sites["busy"]
    assert page.get_by_text("Page is /pricing").count() == 0


def test_back_after_a_tab(tab, sites):
    page = tab.open(sites["busy"])
    pages = page.locator("#pages")
    pages.get_by_role("link", name="Entry").click()
    pages.locator("[aria-current]", has_text="Entry").wait_for()
    assert page.url.endswith("?pages=entryPage")
    page.go_back()
    page.locator("#pages [aria-current]", has_text="Pages").wait_for()
    assert page.url == tab.origin + sites["busy"]


def test_a_chain_of_filters_is_a_link(tab, sites, make_tab, owner_context):
    page = tab.open(sites["busy"])
    page.get_by_role("link", name="Germany", exact=True).click()
    page.get_by_role("link", name="sign-up", exact=True).click()
    page.get_by_role("link", name="/pricing", exact=True).click(modifiers=["Shift"])
    page.locator(".chips li").nth(2).wait_for()
    other = make_tab(state=owner_context.storage_state()).open(page.url.removeprefix(tab.origin))
    assert shown(other) == shown(page)
    assert "Page is not /pricing ✕" in shown(page)


def shown(page):
    """Return the texts of a dashboard but for what time changes."""
    return [text for text in page.locator("main").inner_text().splitlines() if "now" not in text]


def test_hours_come_when_they_are_seen(tab, sites):
    page = tab.open(f"{sites['busy']}?country=DE")
    page.locator("#hours").scroll_into_view_if_needed()
    page.locator("#hours .heat").wait_for()
    page.locator("#hours td[data-text]").nth(30).hover()
    assert page.locator("#hours output").inner_text().startswith("Tuesday 6:00 to 7:00: ")


def test_a_country_on_the_map_filters(tab, sites):
    page = tab.open(f"{sites['busy']}?places=map")
    page.locator("#places use[href$='#SG']").hover()
    assert "Singapore: " in page.locator("#places output").inner_text()
    page.locator("#places use[href$='#SG']").click()
    page.get_by_label("Filters").get_by_text("Country is Singapore").wait_for()


def test_by_keyboard_alone(tab, sites):
    page = tab.open(sites["busy"])
    tab.focus_by_keyboard("#devices a.value")
    style = page.evaluate("getComputedStyle(document.activeElement).outline")
    assert "solid 2px" in style
    name = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    page.get_by_label("Filters").get_by_text(f"Browser is {name}").wait_for()


def test_without_scripts(make_tab, owner_context, sites):
    tab = make_tab(state=owner_context.storage_state(), java_script_enabled=False)
    page = tab.open(sites["busy"])
    page.locator("#pages").get_by_role("link", name="Entry").click()
    assert page.locator("#pages [aria-current]").inner_text() == "Entry"
    page.get_by_role("link", name="Germany", exact=True).click()
    assert page.get_by_label("Filters").inner_text().startswith("Country is Germany")
    page.locator("summary", has_text="Last 28 days").click()
    page.get_by_role("link", name="Last 7 days").click()
    assert page.get_by_label("Filters").inner_text().startswith("Country is Germany")
    page.locator("summary", has_text="Filter").click()
    page.get_by_label("What").select_option("browser")
    page.get_by_label("Value").fill("Safari")
    page.get_by_role("button", name="Add").click()
    assert "Browser is Safari" in page.get_by_label("Filters").inner_text()


def test_a_stranger_finds_nothing(make_tab, owner, sites):
    stranger = Account.register(owner.port, "stranger@example.com")
    tab = make_tab()
    stranger.log_in(tab.page.context)
    for page in ("", "live/", "settings/", "by/page/"):
        tab.open(sites["busy"] + page, status=404)
        assert tab.page.get_by_role("heading", name="There is no such page").is_visible()


def test_an_annotation_is_added_and_seen(tab, sites):
    page = tab.open(sites["long"])
    page.locator("summary", has_text="Annotations").click()
    page.get_by_role("link", name="Add an annotation").click()
    page.get_by_label("What happened").fill(HOSTILE)
    page.get_by_role("button", name="Save").click()
    page.get_by_text("The annotation is on the chart").wait_for()
    page.get_by_role("link", name="Dashboard").click()
    assert HOSTILE in page.get_by_role("list").filter(has_text="Change").inner_text()
    page.locator(".chart .hit").last.hover()
    assert page.locator("[data-chart-text]").inner_text().endswith(f"; {HOSTILE}")


def test_goals_come_when_they_are_seen(tab, sites):
    page = tab.open(sites["busy"])
    panel = page.locator("#goals")
    panel.scroll_into_view_if_needed()
    panel.get_by_role("link", name="Seen", exact=True).click()
    page.get_by_text("Goal is Seen").wait_for()


def test_a_goal_and_a_funnel_are_made_by_their_forms(tab, sites):
    page = tab.open(f"{sites['long']}goals/new/")
    page.get_by_label("Name", exact=True).fill(HOSTILE)
    page.get_by_label("What").select_option("event")
    page.get_by_label("Page or event").fill(HOSTILE)
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name=f"Change {HOSTILE}").wait_for()
    page = tab.open(f"{sites['long']}funnels/new/")
    page.get_by_label("Name", exact=True).fill("Pricing")
    page.locator("#value-1").fill("/")
    page.locator("#kind-2").select_option("event")
    page.locator("#value-2").fill(HOSTILE)
    page.get_by_role("button", name="Save").click()
    page.get_by_text("took the last step").first.wait_for()


def test_a_funnel_is_tried_out_and_saved(tab, sites):
    page = tab.open(f"{sites['empty']}funnels/")
    page.get_by_role("link", name="Try one out").click()
    page.locator("#value-1").fill("/")
    page.locator("#kind-2").select_option("event")
    page.locator("#value-2").fill(HOSTILE)
    page.get_by_role("button", name="Try it").click()
    page.get_by_text("0 began, 0 took the last step").first.wait_for()
    page.get_by_label("Save it as").fill("Tried")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("heading", name="Tried").wait_for()
    assert HOSTILE in page.get_by_role("table").inner_text()


def test_a_new_website_turns_green_with_its_first_event(tracked_world, make_tab):
    account = Account.register(tracked_world.port, "newcomer@example.com")
    tab = make_tab()
    account.log_in(tab.page.context)
    page = tab.open("/")
    page.get_by_label("Name").fill("Shop")
    page.get_by_label("Domain").fill("shop.example")
    page.get_by_role("button", name="Add").click()
    page.get_by_role("status").get_by_text("Waiting for the first event").wait_for()
    [code] = re.findall(r'data-tracking-code="([^"]+)"', page.locator("main").inner_text())
    event = {"trackingCode": code, "eventType": "pageview", "url": "https://shop.example/"}
    event |= {"visitorId": "v", "sessionId": "s"}
    assert send_request(tracked_world.port, "POST", "/api/v1/events", event).status == 201
    page.get_by_role("status").get_by_text("Events are coming in.").wait_for()
    assert page.locator("#waiting.on").count() == 1
    assert tab.complaints == []
