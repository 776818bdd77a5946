"""Website events in the admin: rows, the detail page, permissions and failures"""

import psycopg
import pytest
from django.contrib.auth.models import Permission
from django.db import connections
from django.test import Client

from analytics.events.models import Event
from config.db import uuid7
from tests.support.admin import PAGE_SIZE, listed_ids

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

EVENTS = "/admin/analytics/event/"
SUGGESTIONS = f"{EVENTS}websites"
MINUTE_MS, DAY_MS = 60_000, 86_400_000
TOO_SLOW = "This takes too long; narrow the time or the filters."
AWAY = "The database does not answer; try again in a moment."


def test_a_row_of_the_list_shows_the_essentials(staff_api, make_event, website):
    make_event(
        url="https://example.com/" + "a" * 100,
        referrer="https://<b>.test/",
        device_type="mobile",
        browser="Firefox",
    )
    html = staff_api.get(EVENTS).content.decode()
    assert "2026-01-28 20:00:00" in html
    assert f'href="?website={website.id}"' in html
    assert "My Website" in html
    assert "https://example.com/aaaaaaaaaaaaaaa…<" in html
    assert "https://&lt;b&gt;.test/" in html
    assert "Mobile, Firefox" in html


def test_the_detail_shows_everything(staff_api, make_event, website):
    event = make_event(
        referrer="https://google.com",
        device_type="tablet",
        browser="Chrome",
        os="Android",
        location="DE",
        properties={"price": 5, "articleTags": ["ü", "<i>"]},
    )
    html = staff_api.get(f"{EVENTS}{event.pk}/change/").content.decode()
    assert 'name="url"' not in html
    assert 'name="_save"' not in html
    for text in (str(event.pk), "2026-01-28 20:00:00", "https://example.com/", "Tablet"):
        assert text in html
    for text in ("https://google.com", "Chrome", "Android", "DE", "Pageview"):
        assert text in html
    assert f'href="/admin/websites/website/{website.id}/change/"' in html
    assert f'href="{EVENTS}?q=vis-1"' in html
    assert f'href="{EVENTS}?q=sess-1"' in html
    assert (
        "{\n  &quot;price&quot;: 5,\n  &quot;articleTags&quot;: [\n    &quot;ü&quot;,\n"
        "    &quot;&lt;i&gt;&quot;\n  ]\n}</pre>" in html
    )


@pytest.mark.parametrize(
    "url", ["capacitor://localhost/", "file:///x", "android-app://com.example/", "ftp://x"]
)
def test_a_url_of_another_scheme_than_http_is_no_link(staff_api, make_event, url):
    event = make_event(url=url, referrer=url)
    for page in (EVENTS, f"{EVENTS}{event.pk}/change/"):
        html = staff_api.get(page).content.decode()
        assert url in html
        assert f'href="{url}' not in html


def test_the_link_back_from_a_detail_leads_to_its_page(staff_api, make_events):
    made = make_events(PAGE_SIZE + 1)
    html = staff_api.get(EVENTS, {"before": made[0], "q": "vis-1"}).content.decode()
    kept = f"_changelist_filters=before%3D{made[0]}%26q%3Dvis-1"
    assert f"{made[1]}/change/?{kept}" in html


def test_there_is_no_add_change_or_delete(staff_api, make_event):
    event = make_event()
    before = list(Event.objects.values())
    for path in ("add/", f"{event.pk}/change/", f"{event.pk}/delete/", f"{event.pk}/history/"):
        assert staff_api.post(EVENTS + path, {"post": "yes", "url": "x"}).status_code == 403
    delete = {"action": "delete_selected", "_selected_action": str(event.pk), "post": "yes"}
    assert staff_api.post(EVENTS, delete | {"index": "0"}).status_code == 200
    assert list(Event.objects.values()) == before


def test_staff_needs_the_permission_to_view(make_user, make_event):
    event = make_event()
    staff = make_user("viewer@example.com", is_staff=True)
    client = Client()
    client.force_login(staff)
    pages = [EVENTS, f"{EVENTS}{event.pk}/change/", SUGGESTIONS]
    assert [client.get(page).status_code for page in pages] == [403, 403, 403]
    staff.user_permissions.add(Permission.objects.get(codename="view_event"))
    assert [client.get(page).status_code for page in pages] == [200, 200, 200]


def test_a_query_that_times_out_is_reported(staff_api):
    with connections["analytics"].cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 100")
    # Another session holds the table, so that the page's query cannot end by itself.
    params = connections["analytics"].get_connection_params()
    known = {name: params[name] for name in ("dbname", "user", "host", "port") if name in params}
    with psycopg.connect(**known, password=params.get("password")) as other:
        other.execute("LOCK TABLE analytics_event IN ACCESS EXCLUSIVE MODE")
        response = staff_api.get(EVENTS, {"event_type": "custom"})
        other.rollback()
    assert listed_ids(response) == []
    html = response.content.decode()
    assert TOO_SLOW in html
    assert "No events here." not in html


def test_an_analytics_database_that_is_down_is_reported(staff_api, analytics_away):
    response = staff_api.get(EVENTS)
    assert listed_ids(response) == []
    assert AWAY in response.content.decode()
    detail = staff_api.get(f"{EVENTS}{uuid7.new_id_now()}/change/", follow=True)
    assert detail.redirect_chain == [("/admin/", 302)]
    assert AWAY in detail.content.decode()
