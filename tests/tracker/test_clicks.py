"""Clicks on links, forms, and elements that name an event"""

import pytest

from tests.support.browser import NEEDS_BROWSER
from tests.support.tracked_site import run_script

pytestmark = NEEDS_BROWSER
STAY = run_script("addEventListener('click', event => event.preventDefault())")


def clicked(visit, markup, *, button="left", attributes="", selector="#it"):
    """Click on a page that nobody leaves; return the events that it made."""
    visit.add_page("/", STAY + markup, attributes=attributes)
    page = visit.open()
    visit.wait_for("pageview")
    page.locator(selector).click(button=button)
    page.evaluate("async () => { await PivotMetrics.flush() }")
    page.wait_for_timeout(100)
    return [row for row in visit.rows() if row.name not in ("pageview", "$engagement")]


@pytest.mark.parametrize(
    ("href", "kind"),
    [
        ("/next", "internal"),
        ("#part", "internal"),
        ("https://other.example/x?y=1", "outbound"),
        ("//site.example.evil.example/", "outbound"),
        ("tel:+4930123", "outbound"),
        ("mailto:a@b.example", "mail"),
        ("/files/report.PDF?v=2", "download"),
        ("https://other.example/a.zip", "download"),
    ],
)
def test_a_click_on_a_link_says_where_it_leads(visit, href, kind):
    [row] = clicked(visit, f'<a href="{href}"><b id=it> A  link </b></a>')
    resolved = {"/": visit.world.origin, "#": f"{visit.world.origin}/"}
    expected = "http:" + href if href.startswith("//") else resolved.get(href[0], "") + href
    assert (row.type, row.properties) == (
        "click",
        {"elementText": "A  link", "href": expected, "kind": kind},
    )


@pytest.mark.parametrize(
    ("markup", "kind"),
    [
        ("<a id=it href=/data download>x</a>", "download"),
        ("<svg><a id=it href=/chart><text y=20>x</text></a></svg>", "internal"),
        ("<map name=m><area href=/there shape=default></map>"
         "<img id=it usemap=#m width=50 height=50 src=data:,>", "internal"),
    ],
)  # fmt: skip
def test_other_links_are_links_too(visit, markup, kind):
    [row] = clicked(visit, markup)
    assert row.properties["kind"] == kind


def test_links_inside_of_shadow_trees_are_seen(visit):
    shadow = """
        <div id=host></div>
        <script>
            host.attachShadow({mode: 'open'}).innerHTML = '<a id=it href=/in>in</a>';
        </script>
    """
    [row] = clicked(visit, shadow)
    assert row.properties["elementText"] == "in"


@pytest.mark.parametrize(("button", "clicks"), [("middle", 1), ("right", 0)])
def test_the_middle_button_opens_links_the_right_one_does_not(visit, button, clicks):
    assert len(clicked(visit, "<a id=it href=#x>x</a>", button=button)) == clicks


@pytest.mark.parametrize(
    ("attributes", "kinds"),
    [
        ("", ["internal", "outbound", "mail"]),
        ("data-links=outbound", ["outbound", "mail"]),
        ("data-links=off", []),
        ("data-auto=false", []),
    ],
)
def test_the_page_says_which_links_count(visit, attributes, kinds):
    links = ["<a href=/a>a</a>", "<a href=https://b.example/>b</a>", "<a href=mailto:c@d>c</a>"]
    visit.add_page("/", STAY + " ".join(links), attributes=attributes)
    page = visit.open()
    page.wait_for_function("window.PivotMetrics")
    for link in page.locator("a").all():
        link.click()
    page.wait_for_timeout(300)
    assert [row.properties["kind"] for row in visit.rows() if row.type == "click"] == kinds


@pytest.mark.parametrize("markup", ["<a id=it href='javascript:void 0'>x</a>", "<a id=it>x</a>"])
def test_what_leads_nowhere_is_no_link(visit, markup):
    assert clicked(visit, markup) == []


def test_a_long_text_is_cut_by_characters(visit):
    [row] = clicked(visit, f"<a id=it href=#x>{'😀' * 150}</a>")
    assert row.properties["elementText"] == "😀" * 100


def test_an_element_may_name_an_event(visit):
    button = """
        <button data-pm-event=signup data-pm-properties='{"plan": "pro"}'><i id=it>x</i></button>
    """
    [row] = clicked(visit, button)
    assert (row.type, row.properties) == ("custom", {"plan": "pro", "name": "signup"})


def test_an_event_without_good_properties_is_an_event(visit):
    [row] = clicked(visit, "<button id=it data-pm-event=signup data-pm-properties=5>x</button>")
    assert row.properties == {"name": "signup"}


def test_a_link_may_name_an_event_too(visit):
    rows = clicked(visit, "<a id=it href=#x data-pm-event=docs>x</a>")
    assert [row.name for row in rows] == ["docs", "click"]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("<form action='/search?q=secret#x'>", [{"name": "form_submit", "action": "/search"}]),
        ("<form>", [{"name": "form_submit", "action": "/"}]),
        ("<form data-pm-event=ask>", [{"name": "ask"}, {"name": "form_submit", "action": "/"}]),
        ("<form><input name=action value=x>", [{"name": "form_submit", "action": "/"}]),
    ],
)
def test_of_a_form_only_the_path_of_its_action_is_sent(visit, form, expected):
    visit.add_page(
        "/",
        form + "<input name=password value=secret><button>Go</button></form>"
        + run_script("addEventListener('submit', event => event.preventDefault())"),
    )  # fmt: skip
    page = visit.open()
    visit.wait_for("pageview")
    page.get_by_role("button").click()
    page.locator("[name=password]").click()
    rows = visit.wait_for("pageview", *[each["name"] for each in expected])
    assert [row.properties for row in rows[1:]] == expected
    assert not any(b"secret" in sent.body for sent in visit.gateway.sent)


def test_a_page_of_ten_thousand_links_is_as_quick_as_one_of_none(visit):
    visit.add_page("/", STAY + "<a href=#x>x</a> " * 10_000)
    page = visit.open()
    visit.wait_for("pageview")
    page.locator("a").nth(9_999).click()
    [row] = visit.wait_for("pageview", "click")[1:]
    assert row.properties["elementText"] == "x"
