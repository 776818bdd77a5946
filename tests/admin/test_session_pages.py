"""Sessions in the admin: the detail page with its page views, and permissions"""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client

from analytics.sessions.models import PageView, Session
from tests.support.admin import html_of
from tests.support.query_plans import plan_of, statements
from tests.support.session_rows import (
    AT_MS,
    FULL_SESSION,
    fill_sessions,
    store_page_view,
    store_session,
)

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

SESSIONS = "/admin/analytics/session/"
SHOWN_PAGE_VIEWS = 100
NOT_SHOWN_AS_STORED = {
    *("referrer", "screen_width", "screen_height"),
    *("bounced", "duration_seconds"),
}


def change_of(session):
    return f"{SESSIONS}{session.pk}/change/"


@pytest.mark.usefixtures("unrecorded")
def test_the_detail_page_takes_two_index_scans(staff_api):
    fill_sessions(5000)
    in_order = statements(staff_api, change_of(Session.objects.newest_first()[2500]))
    indexes = ["analytics_session_pkey", "pageview_session_id"]
    for sql, index in zip(in_order, indexes, strict=True):
        plan, used = plan_of(sql, allow_scans=False)
        assert index in used
        assert "COUNT(" not in sql
        assert "Seq Scan" not in plan


def test_the_detail_shows_everything(staff_api, user):
    page = uuid4()
    active = datetime(2026, 1, 28, 21, 1, 30, tzinfo=UTC)
    session = store_session(
        user_id=user.pk,
        bio_page_id=page,
        last_active_at=active,
        last_heartbeat_at=active.replace(second=0),
        **FULL_SESSION,
    )
    html = html_of(staff_api, change_of(session))
    texts = {str(value) for name, value in FULL_SESSION.items() if name not in NOT_SHOWN_AS_STORED}
    texts |= {str(session.pk), session.visitor_hash, str(page), "390 x 844", "1:01:30"}
    texts |= {"2026-01-28 20:00:00", "2026-01-28 21:01:30", "2026-01-28 21:01:00"}
    texts |= {"https://www.instagram.com/p/&lt;x&gt;"}
    assert {text for text in texts if text not in html} == set()
    assert f'href="/admin/websites/user/{user.pk}/change/">user@example.com</a>' in html
    assert 'name="_save"' not in html


def test_every_field_is_on_the_detail_page():
    pages = admin.site.get_model_admin(Session)
    shown = {name for _, options in pages.fieldsets or () for name in options["fields"]}
    instead = {
        "created_at": "time",
        "last_active_at": "last_active",
        "last_heartbeat_at": "last_heartbeat",
        "duration_seconds": "duration",
        "bounced": "is_bounced",
        "user_id": "user",
        "screen_width": "screen",
        "screen_height": "screen",
    }
    assert {instead.get(field.name, field.name) for field in Session._meta.fields} == shown


def test_a_user_who_was_deleted(staff_api):
    gone = uuid4()
    assert f"{gone} (deleted)" in html_of(staff_api, change_of(store_session(user_id=gone)))


def test_the_detail_shows_the_page_views_the_oldest_first(staff_api):
    session, other = store_session(), store_session()
    page, clicked = uuid4(), uuid4()
    store_page_view(session, AT_MS + 60_000, path="/second")
    store_page_view(
        session,
        path="/<first>",
        title="John Doe",
        referrer="https://google.com/",
        bio_page_id=page,
        link_clicked=clicked,
        duration_seconds=47.5,
        scroll_depth=80,
    )
    store_page_view(other, path="/of-another")
    html = html_of(staff_api, change_of(session)).split(">Page views<")[-1]
    assert html.index("/&lt;first&gt;") < html.index("/second")
    for text in ("2026-01-28 20:01:00", "John Doe", "https://google.com/", "47.5 s", "80 %"):
        assert text in html
    assert f'title="{page}"' in html
    assert f'title="{clicked}"' in html
    assert "/of-another" not in html
    assert "These are the first" not in html


def test_the_detail_of_a_session_without_page_views(staff_api):
    html = html_of(staff_api, change_of(store_session()))
    assert "None." in html


def test_of_very_many_page_views_the_detail_shows_the_first(staff_api):
    session = store_session(page_views=SHOWN_PAGE_VIEWS + 2)
    for n in range(SHOWN_PAGE_VIEWS):
        store_page_view(session, AT_MS + n, path=f"/page-{n:03}")
    html = html_of(staff_api, change_of(session))
    assert "These are the first" not in html
    for n in range(SHOWN_PAGE_VIEWS, SHOWN_PAGE_VIEWS + 2):
        store_page_view(session, AT_MS + n, path=f"/page-{n:03}")
    html = html_of(staff_api, change_of(session))
    assert "These are the first 100 of 102." in html
    assert "/page-099" in html
    assert "/page-100" not in html


def test_there_is_no_add_change_or_delete(staff_api):
    session = store_session()
    store_page_view(session)
    before = list(Session.objects.values()), list(PageView.objects.values())
    for path in ("add/", f"{session.pk}/change/", f"{session.pk}/delete/"):
        response = staff_api.post(SESSIONS + path, {"post": "yes", "page_views": "9"})
        assert response.status_code == 403
    assert (list(Session.objects.values()), list(PageView.objects.values())) == before


def test_staff_needs_the_permission_to_view(make_user):
    session = store_session()
    staff = make_user("viewer@example.com", is_staff=True)
    client = Client()
    client.force_login(staff)
    pages = [SESSIONS, change_of(session)]
    assert [client.get(page).status_code for page in pages] == [403, 403]
    permission = Permission.objects.get(
        codename="view_session", content_type__app_label="analytics"
    )
    staff.user_permissions.add(permission)
    assert [client.get(page).status_code for page in pages] == [200, 200]
