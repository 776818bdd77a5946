"""Staff go from the admin to the dashboard of an owner and back"""

import re

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from tests.support.pages import text_of
from tests.support.shares import token_of_share

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

LIST = "/admin/websites/website/"


@pytest.fixture
def base(website):
    return f"/websites/{website.pk}/"


@pytest.fixture
def in_admin(website):
    return f"{LIST}{website.pk}/change/"


def links_of(response):
    return re.findall(r'href="([^"]+)"', response.content.decode())


def viewer(make_user, *codenames):
    """Return the browser of somebody on the staff with some permissions."""
    user = make_user("viewer@example.com", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def test_the_admin_leads_to_the_dashboard(staff_api, base, in_admin):
    assert base in links_of(staff_api.get(LIST))
    assert base in links_of(staff_api.get(in_admin))
    assert staff_api.get(base).status_code == 200


@pytest.mark.parametrize("page", ["", "live/", "by/page/", "retention/"])
def test_each_page_of_the_dashboard_leads_back(staff_api, base, in_admin, page):
    response = staff_api.get(base + page)
    assert in_admin in links_of(response)
    assert "Website of user@example.com, read-only" in text_of(response)
    assert f"{base}settings/" not in links_of(response)
    assert staff_api.get(in_admin).status_code == 200


def test_who_may_view_websites_may_look(make_user, base, in_admin):
    client = viewer(make_user, "view_website")
    assert in_admin in links_of(client.get(base))
    assert base in links_of(client.get(in_admin))


def test_who_may_not_view_websites_may_not_look(make_user, base, in_admin):
    client = viewer(make_user, "view_user")
    assert client.get(base).status_code == 404
    assert client.get(in_admin).status_code == 403


def test_the_owner_sees_no_admin(user, base, in_admin):
    client = Client()
    client.force_login(user)
    response = client.get(base)
    assert in_admin not in links_of(response)
    assert "read-only" not in text_of(response)


def test_a_share_shows_neither_the_admin_nor_the_owner(staff_api, website, in_admin):
    response = staff_api.get(f"/share/{token_of_share(website)}/")
    assert in_admin not in links_of(response)
    assert "user@example.com" not in text_of(response)
