"""The page of the admin with the funnel of users"""

import pytest
from django.contrib.auth.models import Permission
from django.db import OperationalError
from django.test import Client

from tests.support.funnel import NO_DAY, at, sign_up, track
from tests.support.pages import text_of

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

PAGE = "/admin/analytics/funnelevent/funnel/"


def test_the_list_of_events_leads_to_the_page(staff_api):
    assert f'href="{PAGE}"' in staff_api.get("/admin/analytics/funnelevent/").content.decode()


def test_the_page_shows_the_same(staff_api):
    user = sign_up(at(1))
    track(user, "a", at(2))
    track(user, "b <i>", at(2, 90))
    query = {"events": "a\r\nb <i>\r\n", "from": "2026-10-01", "to": "2026-10-05"}
    response = staff_api.get(PAGE, query)
    text = text_of(response)
    assert response.status_code == 200
    assert "1 user signed up" in text
    assert ">a\nb &lt;i&gt;</textarea>" in response.content.decode()
    assert "bio_link_click signup_started profile_saved" in text_of(staff_api.get(PAGE))
    assert "2 b <i> 1 100.0 % 100.0 % 0 1m 30s" in text
    assert "2026-10-01 1 1 1 100.0 %" in text
    assert "b <i>" not in response.content.decode()


def test_the_page_says_what_is_wrong(staff_api):
    response = staff_api.get(PAGE, {"events": "a", "from": "2026-10-01", "to": "x"})
    assert response.status_code == 400
    assert "event must be given 2 to 10 times" in text_of(response)
    assert f"to {NO_DAY}" in text_of(response)


def test_the_page_says_when_the_database_is_away(staff_api, monkeypatch):
    def away(question):
        raise OperationalError("canceling statement due to statement timeout")

    monkeypatch.setattr("analytics.funnel.admin.user_funnel", away)
    response = staff_api.get(PAGE)
    assert response.status_code == 503
    assert "The database does not answer" in text_of(response)


def test_the_page_is_for_who_may_view_funnel_events(make_user):
    viewer = make_user("viewer@example.com", is_staff=True)
    client = Client()
    client.force_login(viewer)
    assert client.get(PAGE).status_code == 403
    viewer.user_permissions.set(Permission.objects.filter(codename="view_funnelevent"))
    assert client.get(PAGE).status_code == 200
    stranger = Client()
    stranger.force_login(make_user("stranger@example.com"))
    assert stranger.get(PAGE).status_code == 302
