"""Page views: when they are counted, and what they say"""

import pytest

from tests.support.browser import NEEDS_BROWSER, unattended
from tests.support.processes import wait_until
from tests.support.tracked_site import RESOLVER, run_script

pytestmark = NEEDS_BROWSER
BURST = "for (let i = 1; i <= 50; i++) history.pushState({}, '', '/route/' + i)"
OPEN_AND_CLOSE = """async count => {
    const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
    const visit = async () => {
        const page = open('/');
        while (!page.PivotMetrics) await sleep(1);
        await sleep(50);
        page.close();
    };
    for (let i = 0; i < count; i += 5)
        await Promise.all([visit(), visit(), visit(), visit(), visit()]);
}"""


def test_a_first_view_says_where_it_came_from(visit):
    visit.add_page("/")
    page = visit.new_tab()
    page.goto(
        f"{visit.world.origin}/?utm_source=news&token=secret#top", referer="https://search.example/"
    )
    [row] = visit.wait_for("pageview")
    assert (row.url, row.referrer) == (
        f"{visit.world.origin}/?utm_source=news",
        "https://search.example/",
    )
    assert row.properties == {"title": "home", "pathname": "/", "screen": "1280x720"}
    assert row.device == "desktop"
    [sent] = visit.gateway.sent
    assert (sent.path, sent.headers["Content-Type"]) == (
        "/api/v1/events",
        "text/plain;charset=UTF-8",
    )
    assert sent.headers["Cookie"] is None
    assert visit.context.cookies() == []


def test_the_next_page_of_the_site_has_no_referrer_and_no_screen(visit):
    visit.add_page("/")
    visit.add_page("/next")
    page = visit.open()
    page.evaluate("location.href = '/next'")
    [first, second] = visit.wait_for("pageview", "pageview")
    assert (second.path, second.referrer) == ("/next", None)
    assert second.properties == {"title": "next", "pathname": "/next"}
    assert (first.session, first.visitor) == (second.session, second.visitor)


def test_a_view_is_counted_when_the_path_changes(visit):
    visit.add_page("/")
    page = visit.open()
    visit.wait_for("pageview")
    page.evaluate("""() => {
        history.pushState({}, '', '/a?q=1#x');
        setTimeout(() => document.title = 'A', 100);
    }""")
    page.wait_for_timeout(300)
    page.evaluate("history.pushState({}, '', '/a?q=2')")
    page.evaluate("history.replaceState({}, '', '/a?q=3#y')")
    page.evaluate("location.hash = 'z'")
    page.evaluate("history.replaceState({}, '', '/b')")
    visit.wait_for("pageview", "pageview", "pageview")
    page.go_back(wait_until="commit")
    rows = visit.wait_for(*["pageview"] * 4)
    assert [row.path for row in rows] == ["/", "/a", "/b", "/a"]
    assert [row.properties["title"] for row in rows][:2] == ["home", "A"]
    assert {row.referrer for row in rows} == {None}


@pytest.mark.parametrize("has_navigation", [True, False])
def test_fifty_quick_route_changes_are_fifty_views(visit, has_navigation):
    visit.add_page("/")
    if not has_navigation:  # as browsers had none before 2026
        visit.context.add_init_script(
            "Object.defineProperty(window, 'navigation', {value: undefined})"
        )
    page = visit.open()
    visit.wait_for("pageview")
    page.evaluate(BURST)
    rows = visit.wait_for(*["pageview"] * 51)
    assert [row.path for row in rows] == ["/", *[f"/route/{i}" for i in range(1, 51)]]


def test_query_and_hash_make_views_only_where_the_page_asks_for_it(visit):
    visit.add_page("/", attributes='data-query="q, page" data-hash')
    page = visit.open("/?q=1&token=secret#/start")
    visit.wait_for("pageview")
    page.evaluate("history.pushState({}, '', '/?q=2&token=secret#/start')")
    page.evaluate("history.pushState({}, '', '/?q=2&token=other#/start')")
    page.evaluate("location.hash = '/end'")
    rows = visit.wait_for(*["pageview"] * 3)
    assert [row.path for row in rows] == ["/?q=1#/start", "/?q=2#/start", "/?q=2#/end"]


def test_all_of_a_query_may_be_kept(visit):
    visit.add_page("/", attributes="data-query=all")
    visit.open("/?q=1&token=2")
    [row] = visit.wait_for("pageview")
    assert row.path == "/?q=1&token=2"


def test_going_back_to_a_kept_page_is_a_view(visit):
    visit.add_page("/", run_script("addEventListener('pageshow', e => window.kept = e.persisted)"))
    visit.add_page("/next")
    page = visit.open()
    visit.wait_for("pageview")
    page.wait_for_timeout(200)  # a page that still sends may not be kept
    visit.open("/next", page)
    visit.wait_for("pageview", "pageview")
    page.go_back(wait_until="commit")
    assert page.evaluate("window.kept")
    rows = visit.wait_for(*["pageview"] * 3)
    assert [row.path for row in rows] == ["/", "/next", "/"]


def test_a_hidden_page_is_counted_once_it_is_seen(visit):
    visit.context.add_init_script("""
        window.hiddenNow = true;
        Object.defineProperty(document, 'hidden', {get: () => window.hiddenNow});
        Object.defineProperty(document, 'visibilityState',
            {get: () => window.hiddenNow ? 'hidden' : 'visible'});
    """)
    visit.add_page("/")
    page = visit.open()
    page.wait_for_function("window.PivotMetrics")
    page.wait_for_timeout(200)
    assert visit.gateway.sent == []
    page.evaluate("hiddenNow = false; document.dispatchEvent(new Event('visibilitychange'))")
    visit.wait_for("pageview")


def test_a_prerendered_page_is_counted_once_it_is_seen(visit):
    rules = '{"prerender": [{"urls": ["/next"], "eagerness": "immediate"}]}'
    go = "async () => { if ((await fetch('/go.js')).ok) location.href = '/next' }"
    visit.add_page(
        "/",
        f'<script type="speculationrules">{rules}</script>' + run_script(f"setInterval({go}, 50)"),
    )
    visit.add_page(
        "/next",
        run_script("""
            const track = () => PivotMetrics.track('activated');
            document.addEventListener('prerenderingchange', () => setTimeout(track, 100));
            onload = () => document.prerendering && setTimeout(() => fetch('/waiting.js'), 300);
        """),
    )
    with unattended(visit.world.origin, RESOLVER):
        wait_until(lambda: "/waiting.js" in visit.site.requested)
        assert [row.path for row in visit.wait_for("pageview")] == ["/"]
        visit.site.pages["/go.js"] = ""
        rows = visit.wait_for("pageview", "pageview", "activated")
    assert [row.path for row in rows] == ["/", "/next", "/next"]


def test_pages_that_are_closed_at_once_are_counted(visit):
    visit.add_page("/")
    visit.add_page("/blank", head="")
    opener = visit.open("/blank")
    opener.evaluate(OPEN_AND_CLOSE, 100)
    wait_until(lambda: page_views(visit) >= 99, seconds=10)
    opener.wait_for_timeout(500)
    assert page_views(visit) <= 100


def page_views(visit):
    """Return how many there are; a page that took long to close has sent its engagement too."""
    return sum(row.type == "pageview" for row in visit.rows())
