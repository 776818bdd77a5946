"""Who is not counted: the opted out, those who were not asked yet, machines, developers"""

import pytest

from tests.support.browser import NEEDS_BROWSER, launch
from tests.support.tracked_site import RESOLVER, run_script

pytestmark = NEEDS_BROWSER
STORED = "Object.keys(localStorage).filter(key => key.startsWith('pm_')).sort()"


def assert_nothing_happens(visit, page):
    """Demand that a page neither sends nor stores anything, whatever happens on it."""
    page.wait_for_function("window.PivotMetrics")
    before = len(visit.gateway.sent)
    stored = page.evaluate(STORED)
    page.evaluate("""async () => {
        PivotMetrics.track('signup');
        history.pushState({}, '', '/elsewhere');
        document.querySelector('a')?.click();
        await PivotMetrics.flush();
    }""")
    page.wait_for_timeout(300)
    assert len(visit.gateway.sent) == before
    assert page.evaluate(STORED) == stored


def test_opting_out_forgets_and_reaches_every_tab(visit):
    visit.add_page("/", '<a href="#x">link</a>')
    first, second = visit.open(), visit.open()
    visit.wait_for("pageview", "pageview")
    visit.context.set_offline(True)
    second.evaluate("PivotMetrics.track('waits')")
    first.evaluate("PivotMetrics.optOut()")
    visit.context.set_offline(False)
    assert second.evaluate("PivotMetrics.isOptedOut()")
    assert first.evaluate(STORED) == ["pm_optout"]
    for page in (first, second):
        assert_nothing_happens(visit, page)
    assert_nothing_happens(visit, visit.open())
    assert visit.names() == ["pageview", "pageview"]


def test_opting_in_starts_anew(visit):
    visit.add_page("/")
    page = visit.open()
    [before] = visit.wait_for("pageview")
    page.evaluate("PivotMetrics.optOut(); PivotMetrics.optIn(); PivotMetrics.track('signup')")
    [_, after] = visit.wait_for("pageview", "signup")
    assert before.visitor != after.visitor
    assert before.session != after.session


def test_an_address_opts_a_browser_out(visit):
    visit.add_page("/")
    assert_nothing_happens(visit, visit.open("/#pm-optout"))
    assert_nothing_happens(visit, visit.open("/"))


def test_the_same_address_opts_out_on_a_page_that_is_open(visit):
    visit.add_page("/")
    page = visit.open()
    visit.wait_for("pageview")
    page.evaluate("location.hash = 'pm-optout'")
    page.wait_for_function("PivotMetrics.isOptedOut()")
    assert_nothing_happens(visit, page)


def test_global_privacy_control_cannot_be_overridden(visit):
    visit.context.add_init_script(
        "Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})"
    )
    visit.add_page("/")
    page = visit.open()
    page.wait_for_function("window.PivotMetrics")
    page.evaluate("PivotMetrics.optIn()")
    assert page.evaluate("PivotMetrics.isOptedOut()") is True
    assert_nothing_happens(visit, page)
    assert page.evaluate(STORED) == []


@pytest.mark.parametrize(
    ("attributes", "is_counted"),
    [("", True), ("data-respect-dnt=false", True), ("data-respect-dnt", False)],
)
def test_do_not_track_counts_where_the_page_says_so(visit, attributes, is_counted):
    visit.context.add_init_script("Object.defineProperty(navigator, 'doNotTrack', {value: '1'})")
    visit.add_page("/", attributes=attributes)
    page = visit.open()
    page.wait_for_function("window.PivotMetrics")
    assert page.evaluate("PivotMetrics.isOptedOut()") is not is_counted
    if is_counted:
        visit.wait_for("pageview")
    else:
        assert_nothing_happens(visit, page)


def test_nothing_happens_before_consent(visit):
    visit.add_page("/", attributes="data-consent=required")
    page = visit.open()
    assert_nothing_happens(visit, page)
    assert page.evaluate(STORED) == []
    page.evaluate("PivotMetrics.consent(true)")
    [row] = visit.wait_for("pageview")
    assert row.path == "/elsewhere"
    page.evaluate("PivotMetrics.consent(false)")
    assert page.evaluate(STORED) == []
    assert_nothing_happens(visit, page)


def test_an_automated_browser_is_not_counted(visit, browser):
    visit.add_page("/")
    with launch(browser.browser_type, RESOLVER) as automated:
        page = automated.new_page()
        page.goto(visit.world.origin)
        assert page.evaluate("navigator.webdriver")
        assert_nothing_happens(visit, page)
        assert page.evaluate(STORED) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "shop.localhost"])
@pytest.mark.parametrize("attributes", ["", "data-local"])
def test_local_pages_count_where_the_page_says_so(visit, host, attributes):
    visit.add_page("/", attributes=attributes)
    page = visit.new_tab()
    page.goto(f"http://{host}:{visit.site.server_port}/")
    if attributes:
        visit.wait_for("pageview")
    else:
        assert_nothing_happens(visit, page)


@pytest.mark.parametrize("attributes", ["", "data-frames"])
def test_frames_count_where_the_page_says_so(visit, attributes):
    visit.site.pages["/"] = "<!doctype html><iframe src=/framed></iframe>"
    visit.add_page("/framed", attributes=attributes)
    page = visit.open()
    page.frames[1].wait_for_function("window.PivotMetrics")
    page.wait_for_timeout(300)
    assert visit.names() == ["pageview"] * bool(attributes)


def test_files_are_not_counted(visit, tmp_path):
    file = tmp_path / "page.html"
    file.write_text(f"<!doctype html>{visit.script('data-local')}")
    page = visit.new_tab()
    page.goto(file.as_uri())
    page.wait_for_function("window.PivotMetrics")
    page.evaluate("PivotMetrics.track('signup')")
    page.wait_for_timeout(300)
    assert visit.gateway.sent == []


def test_a_stub_that_refuses_is_heard(visit):
    stub = "window.PivotMetrics = {q: [['optOut']]}"
    visit.add_page("/", head=run_script(stub) + visit.script())
    page = visit.open()
    assert_nothing_happens(visit, page)
    assert page.evaluate(STORED) == ["pm_optout"]
