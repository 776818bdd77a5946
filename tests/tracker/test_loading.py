"""How the script gets into a page, and what pages do to it"""

import pytest

from tests.support.browser import NEEDS_BROWSER
from tests.support.tracked_site import run_script

pytestmark = NEEDS_BROWSER
STUB = """
    window.PivotMetrics = window.PivotMetrics || {q: []};
    for (const name of ['track', 'flush', 'optOut', 'optIn', 'consent'])
        PivotMetrics[name] = PivotMetrics[name] || ((...values) =>
            PivotMetrics.q.push([name, ...values]));
"""


def test_calls_before_the_script_is_there_are_made_later(visit):
    calls = """
        PivotMetrics.track('early', {n: 1});
        PivotMetrics.q.push(['plain', {n: 2}]);
        window.kept = PivotMetrics.track;
    """
    visit.add_page("/", head=run_script(STUB + calls) + visit.script())
    page = visit.open()
    page.wait_for_function("!!PivotMetrics.isOptedOut")
    page.evaluate("kept('late'); PivotMetrics.q.push(['track', 'later'])")
    rows = visit.wait_for("pageview", "early", "plain", "late", "later")
    assert [row.name for row in rows][:3] == ["pageview", "early", "plain"]
    assert rows[1].properties == {"n": 1, "name": "early"}


def test_consent_may_be_given_before_the_script_is_there(visit):
    calls = "PivotMetrics.consent(true); PivotMetrics.track('early')"
    script = visit.script("data-consent=required")
    visit.add_page("/", head=run_script(STUB + calls) + script)
    visit.open()
    visit.wait_for("pageview", "early")


def test_a_page_that_loads_it_twice_is_counted_once(visit):
    visit.add_page("/", visit.script())
    page = visit.open()
    visit.wait_for("pageview")
    page.add_script_tag(url=visit.world.script)
    page.evaluate("history.pushState({}, '', '/next')")
    visit.wait_for("pageview", "pageview")


def test_it_works_as_a_module(visit):
    visit.add_page("/", head=visit.script().replace("async", "type=module"))
    visit.open()
    visit.wait_for("pageview")


def test_a_tag_manager_may_load_it(visit):
    visit.add_page("/", head="<script src=/other.js></script>")
    visit.site.pages["/other.js"] = f"""
        window.TRACKER_CODE = '{visit.code}';
        const script = document.createElement('script');
        script.src = '{visit.world.script}';
        document.head.append(script);
    """
    visit.open()
    visit.wait_for("pageview")


def test_it_takes_about_five_milliseconds_of_a_first_visit(visit, browser):
    """CPU time of the main thread for all scripts, until the view is sent."""
    visit.add_page("/")
    spent = []
    for views in range(1, 8):
        with browser.new_context() as context, context.new_page() as page:
            session = context.new_cdp_session(page)
            session.send("Performance.enable", {"timeDomain": "threadTicks"})
            page.goto(visit.world.origin)
            visit.wait_for(*["pageview"] * views)
            metrics = session.send("Performance.getMetrics")["metrics"]
            spent += [each["value"] for each in metrics if each["name"] == "ScriptDuration"]
    assert min(spent) < 0.0075, spent


def test_an_attribute_wins_over_its_variable(visit):
    variables = "window.TRACKER_CODE = 'pm-other'; window.TRACKER_API = '/nowhere'"
    api = visit.world.script.replace("/tracker.js", "/api/v1/events")
    visit.add_page("/", head=run_script(variables) + visit.script(f"data-api-url={api}"))
    visit.open()
    visit.wait_for("pageview")


def test_without_a_code_it_warns_and_does_nothing(visit):
    visit.add_page("/", head=f'<script src="{visit.world.script}"></script>')
    page = visit.open()
    page.evaluate("PivotMetrics.track('signup')")
    page.wait_for_timeout(200)
    assert visit.gateway.sent == []
    assert visit.errors == ["warning: needs data-tracking-code"]
    visit.errors.clear()


def test_nothing_is_automatic_where_the_page_says_so(visit):
    visit.add_page("/", "<a href=#x>x</a>", attributes="data-auto=false")
    page = visit.open()
    page.wait_for_function("window.PivotMetrics")
    page.evaluate("history.pushState({}, '', '/next')")
    page.locator("a").click()
    page.evaluate("PivotMetrics.track('pageview', {title: 'Mine'})")
    [row] = visit.wait_for("pageview")
    assert row.properties == {"title": "Mine", "screen": "1280x720"}


def test_debug_logs_what_is_queued(visit):
    visit.add_page("/", attributes="data-debug")
    page = visit.open()
    visit.wait_for("pageview")
    page.wait_for_timeout(100)
    assert [error.partition(":")[0] for error in visit.errors] == ["debug"]
    visit.errors.clear()


def test_a_strict_policy_needs_two_directives(visit):
    origin = visit.world.script.removesuffix("/tracker.js")
    visit.site.headers = {
        "Content-Security-Policy": f"default-src 'self'; script-src {origin}; connect-src {origin};"
        " img-src data:"
    }
    visit.add_page("/")
    visit.open()
    visit.wait_for("pageview")


def test_a_page_whose_storage_is_refused_is_counted(visit):
    visit.context.add_init_script("""
        Object.defineProperty(window, 'localStorage',
            {get() { throw new DOMException('denied', 'SecurityError') }});
    """)
    visit.add_page("/")
    page = visit.open()
    page.evaluate("PivotMetrics.track('a')")
    rows = visit.wait_for("pageview", "a")
    assert len({row.session for row in rows}) == len({row.visitor for row in rows}) == 1
    page.evaluate("PivotMetrics.optOut(); PivotMetrics.track('b')")
    assert page.evaluate("PivotMetrics.isOptedOut()")
    page.wait_for_timeout(200)
    assert visit.names() == ["pageview", "a"]


def test_a_page_whose_storage_is_full_is_counted(visit):
    visit.context.add_init_script("""
        Storage.prototype.setItem = () => { throw new DOMException('', 'QuotaExceededError') };
    """)
    visit.add_page("/")
    page = visit.open()
    page.evaluate("PivotMetrics.track('a')")
    rows = visit.wait_for("pageview", "a")
    assert len({row.session for row in rows}) == 1


@pytest.mark.parametrize("kind", ["async", "type=module"])
@pytest.mark.parametrize("has_navigation", [True, False])
def test_a_page_that_freezes_its_history_is_counted(visit, kind, has_navigation):
    freeze = "Object.freeze(History.prototype); Object.freeze(history);"
    hide = "Object.defineProperty(window, 'navigation', {value: undefined});"
    visit.context.add_init_script(freeze + hide * (not has_navigation))
    visit.add_page("/", head=visit.script().replace("async", kind))
    page = visit.open()
    visit.wait_for("pageview")
    page.evaluate("history.pushState({}, '', '/next'); PivotMetrics.track('a')")
    visit.wait_for("pageview", "a", *["pageview"] * has_navigation)


def test_outside_of_https_it_works_too(visit):
    visit.add_page("/")
    page = visit.new_tab()
    page.goto(f"http://plain.example:{visit.site.server_port}/")
    assert page.evaluate("!isSecureContext && !navigator.locks")
    visit.wait_for("pageview")
    visit.context.set_offline(True)
    page.evaluate("PivotMetrics.track('a')")
    page.wait_for_timeout(200)
    visit.context.set_offline(False)
    visit.wait_for("pageview", "a")


@pytest.mark.parametrize(
    "title",
    ["</script><script>alert(1)</script>", "\0nul", "\ud83d half", "😀" * 600, "=1+1", "' OR 1=1"],
)
def test_a_hostile_title_is_text(visit, title):
    visit.add_page("/")
    page = visit.new_tab()
    page.add_init_script("addEventListener('DOMContentLoaded', () => document.title = 'start')")
    visit.open("/", page)
    visit.wait_for("pageview")
    page.evaluate(
        "codes => { history.pushState({}, '', '/next');"
        " document.title = String.fromCharCode(...codes) }",
        list(memoryview(title.encode("utf-16-le", "surrogatepass")).cast("H")),
    )
    [_, row] = visit.wait_for("pageview", "pageview")
    expected = title.replace("\0", "").replace("\ud83d", "")[:500]
    assert row.properties["title"] == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("'click', {n: 1}", ("click", {"n": 1})),
        ("'signup', {name: 'other', n: 1}", ("custom", {"name": "signup", "n": 1})),
        ("'signup', [1]", ("custom", {"name": "signup"})),
        ("'signup', 'text'", ("custom", {"name": "signup"})),
        ("'signup', null", ("custom", {"name": "signup"})),
        ("'signup', () => 1", ("custom", {"name": "signup"})),
        ("'custom'", ("custom", None)),
        ("'signup', {a: 'x\\0y', 'k\\0': '\\ud83d'}", ("custom", {"name": "signup", "a": "xy",
                                                                "k": ""})),
        ("'signup', {a: '\\\\u0000 is text'}", ("custom", {"name": "signup",
                                                           "a": "\\u0000 is text"})),
    ],
)  # fmt: skip
def test_what_a_page_says_is_stored_well_formed(visit, call, expected):
    visit.add_page("/")
    page = visit.open()
    visit.wait_for("pageview")
    page.evaluate(f"PivotMetrics.track({call})")
    page.wait_for_timeout(50)
    page.evaluate("async () => { await PivotMetrics.flush() }")
    [_, row] = [row for row in visit.rows() if row.name != "$engagement"]
    assert (row.type, row.properties) == expected


@pytest.mark.parametrize(
    "call",
    [
        *("", "5", "''", "null", "{}", "['a']", "Symbol()", "'a', {get x() { throw 1 }}"),
        *("'a', (() => { const o = {}; o.o = o; return o })()", "'a', {n: 1n}"),
    ],
)
def test_nonsense_neither_throws_nor_counts(visit, call):
    visit.add_page("/")
    page = visit.open()
    visit.wait_for("pageview")
    page.evaluate(f"PivotMetrics.track({call})")
    page.evaluate("PivotMetrics.track('end')")
    visit.wait_for("pageview", "end")


def test_a_caller_may_change_its_object_afterwards(visit):
    visit.add_page("/")
    page = visit.open()
    page.evaluate("""() => {
        const properties = {n: 1};
        PivotMetrics.track('a', properties);
        properties.n = 2;
    }""")
    rows = visit.wait_for("pageview", "a")
    assert rows[-1].properties == {"n": 1, "name": "a"}
