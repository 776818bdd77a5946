"""Shared pages and segments in a browser"""

from tests.support.browser import NEEDS_BROWSER

pytestmark = NEEDS_BROWSER


def test_no_request_of_a_shared_page_tells_its_path(make_tab, sites):
    tab = make_tab()
    headers = []
    tab.page.on("request", lambda request: headers.append(request.headers))
    page = tab.open(sites["share"])
    page.locator("#pages").get_by_role("link", name="Entry").click()
    page.locator("#pages [aria-current]", has_text="Entry").wait_for()
    assert len(headers) > 3
    assert {each.get("referer", "") for each in headers} == {""}
    assert page.url.startswith(f"{tab.origin}{sites['share']}?")
    assert tab.complaints == []


def test_an_owner_makes_and_revokes_a_link(tab, sites, make_tab):
    page = tab.open(f"{sites['long']}settings/")
    page.get_by_label("Whom it is for").fill("A friend")
    page.get_by_role("button", name="Make a link").click()
    link = page.locator("pre code").inner_text()
    guest = make_tab()
    guest.open(link.removeprefix(tab.origin))
    page.get_by_role("link", name="All links").click()
    page.get_by_role("button", name="Revoke: A friend").click()
    page.get_by_text("The link opens nothing any more").wait_for()
    guest.open(link.removeprefix(tab.origin), status=404)


def test_a_segment_is_kept_and_chosen(tab, sites):
    page = tab.open(f"{sites['busy']}?country=DE")
    page.locator("summary", has_text="Segments").click()
    page.get_by_label("Keep this choice as").fill("Germans")
    page.get_by_role("button", name="Keep", exact=True).click()
    page.get_by_text("Germans is kept").wait_for()
    page = tab.open(f"{sites['busy']}?period=7d")
    page.locator("summary", has_text="Segments").click()
    page.get_by_role("link", name="Germans").click()
    page.get_by_label("Filters").get_by_text("Country is Germany").wait_for()
    assert page.url.endswith("?period=7d&country=DE")
