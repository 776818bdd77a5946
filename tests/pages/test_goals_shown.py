"""Pages of goals and funnels in a browser: on every screen, and made by their forms"""

import pytest

from tests.support.browser import NEEDS_BROWSER
from tests.support.shown_pages import HOSTILE, LONG

pytestmark = NEEDS_BROWSER


@pytest.fixture(scope="module")
def defined(owner_context, owner, sites):
    """The website with a goal and a funnel, which its owner has made by the forms."""
    page = owner_context.new_page()
    for name, kind, value in (("Seen", "page", "/pricing"), (LONG, "event", HOSTILE)):
        page.goto(f"{owner.origin}{sites['busy']}goals/new/")
        page.get_by_label("Name").fill(name)
        page.get_by_label("What").select_option(kind)
        page.get_by_label("Page or event").fill(value)
        page.get_by_role("button", name="Save").click()
        page.get_by_role("link", name=f"Change {name}").wait_for()
    page.goto(f"{owner.origin}{sites['busy']}funnels/new/")
    page.get_by_label("Name").fill("Pricing")
    page.locator("#value-1").fill("/")
    page.locator("#value-2").fill("/**")
    page.locator("#kind-3").select_option("event")
    page.locator("#value-3").fill(HOSTILE)
    page.get_by_role("button", name="Save").click()
    page.get_by_text("took the last step").first.wait_for()
    funnel = page.url.removeprefix(f"{owner.origin}{sites['busy']}")
    page.close()
    return {"busy": sites["busy"], "empty": sites["empty"], "funnel": sites["busy"] + funnel}


PATHS = {
    "goals": "{busy}goals/?compare=previous",
    "no goals": "{empty}goals/",
    "a new goal": "{busy}goals/new/",
    "funnels": "{busy}funnels/",
    "no funnels": "{empty}funnels/",
    "a funnel": "{funnel}?compare=previous&country=DE",
    "a range that is too long": "{funnel}?period=12mo",
    "a funnel that is changed": "{funnel}edit/",
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_everybody_can_use_them(tab, defined, path):
    is_refused = "12mo" in path
    tab.open(path.format(**defined), status=400 if is_refused else 200)
    if is_refused:
        tab.complaints.clear()  # the browser itself tells of the status
    tab.assert_usable()


def test_the_dashboard_gets_its_panel_of_goals(tab, defined):
    page = tab.open(defined["busy"])
    panel = page.locator("#goals")
    panel.scroll_into_view_if_needed()
    panel.get_by_role("link", name="Seen", exact=True).click()
    page.get_by_text("Goal is Seen").wait_for()
