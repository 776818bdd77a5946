"""Pages of the admin with texts of a megabyte, and with JSON that grows when it is written out"""

import json

import pytest

from analytics.admin.formatting import pretty_json
from analytics.events.models import Event
from analytics.funnel.models import FunnelEvent
from analytics.platform.models import PlatformEvent
from tests.support import events, funnel, platform

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

MEGABYTE = 1_000_000
FUNNEL = "/admin/analytics/funnelevent/"
PLATFORM = "/admin/analytics/platformevent/"


def size_of(client, path):
    """Return the bytes of a page, beyond those of the same page without rows."""
    response = client.get(path)
    assert response.status_code == 200
    return len(response.content) - len(client.get(f"{path}?until=1970-01-01").content)


def test_a_list_of_names_of_a_megabyte_stays_small(api, token, staff_api):
    for letter in "ab":
        body = {"event": letter * MEGABYTE, "sessionId": letter * 40_000}
        response = api.post(funnel.PATH, body, token=token)
        assert response["X-Event-Outcome"] == "stored"
    assert size_of(staff_api, FUNNEL) < 20_000
    page = staff_api.get(FUNNEL).text
    assert f"{'b' * 35}…" in page
    assert "b" * 1000 not in page


def test_a_list_of_other_long_texts_stays_small(api, token, staff_api):
    texts = ("session_id", "page_url", "referrer", "user_agent")
    body = platform.MINIMAL_EVENT | dict.fromkeys(texts, "https://a.example/" + "x" * 200000)
    assert api.post(platform.PATH, body, token=token).status_code == 200
    assert size_of(staff_api, PLATFORM) < 20_000


def test_the_page_of_an_event_shows_all_of_a_long_name_once(api, token, staff_api):
    api.post(funnel.PATH, {"event": "é" * 100_000, "sessionId": "s" * 200_000}, token=token)
    page = staff_api.get(f"{FUNNEL}{FunnelEvent.objects.get().pk}/change/").text
    assert page.count("é" * 100_000) == 1
    assert page.count("s" * 200_000) == 1


def test_a_text_that_is_not_long_has_a_link_and_a_tooltip(api, token, staff_api):
    api.post(funnel.PATH, {"event": "a" * 100, "sessionId": "s" * 500}, token=token)
    page = staff_api.get(FUNNEL).text
    assert f'title="{"a" * 100}"' in page
    assert f'?q={"s" * 500}"' in page


GROWING = [
    [1e308] * 1400,
    [-1.7976931348623157e308, 1e127, 5e-324] * 150,
    {"deep": json.loads("[" * 50 + ",".join("0" * 4000) + "]" * 50)},
]


@pytest.mark.parametrize("value", GROWING, ids=["large", "mixed", "deep"])
def test_what_postgresql_writes_out_is_read_as_short_as_it_was_sent(api, website, staff_api, value):
    body = events.event_of(website, properties={"a": value})
    sent = len(json.dumps(value, separators=(",", ":")))
    id = api.post(events.PATH, body).json()["id"]
    response = api.get(f"{events.PATH}/{id}")
    assert response.json()["properties"] == {"a": value}
    assert len(response.content) < 2 * sent
    page = staff_api.get(f"/admin/analytics/event/{id}/change/")
    empty = staff_api.get(f"/admin/analytics/event/{first_event(api, website)}/change/")
    assert len(page.content) - len(empty.content) < 10 * sent


def first_event(api, website):
    return api.post(events.PATH, events.event_of(website)).json()["id"]


@pytest.mark.parametrize(
    "number", [10**126, -(10**126), 10**200 + 1, int("123456789" * 20), 10**399, 2**64]
)
def test_a_whole_number_that_no_float_stands_for_stays_whole(api, website, number):
    body = events.event_of(website, properties={"a": number})
    id = api.post(events.PATH, body).json()["id"]
    assert api.get(f"{events.PATH}/{id}").json()["properties"] == {"a": number}
    assert Event.objects.get(pk=id).properties == {"a": number}


def test_json_is_indented_unless_that_makes_it_many_times_as_long():
    assert ">{\n  &quot;a&quot;: [\n    1\n  ]\n}<" in pretty_json({"a": [1]})
    assert pretty_json([[[[[[1]]]]]]).count("\n") == 12
    assert "\n" not in pretty_json(json.loads("[" * 50 + ",".join("0" * 4000) + "]" * 50))


def test_the_names_of_platform_events_are_cut_by_the_database(api, token, staff_api):
    api.post(platform.PATH, platform.MINIMAL_EVENT | {"page_url": "x" * 5000}, token=token)
    [row] = staff_api.get(PLATFORM).context["cl"].result_list
    assert len(row.page_url) == 1000
    assert PlatformEvent.objects.get().page_url == "x" * 5000
