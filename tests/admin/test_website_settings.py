"""The settings of a website in the admin"""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from tests.support.admin import html_of

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

WEBSITES = "/admin/websites/website/"


@pytest.fixture
def path(website):
    return f"{WEBSITES}{website.pk}/change/"


@pytest.fixture
def save(staff_api, website, path):
    """Send the form of the website."""

    def send(**changes):
        form = {"user": website.user_id, "name": website.name, "domain": website.domain}
        return staff_api.post(path, form | changes)

    return send


def test_the_page_shows_the_settings(staff_api, website, path):
    website.change(
        timezone="Asia/Kathmandu",
        allowed_hosts=["example.com", "*.example.com"],
        ignored_networks=["192.0.2.0/24"],
        page_rules={"queryKeys": ["id", "tab"], "patterns": ["/user/*"]},
    )
    page = html_of(staff_api, path)
    for text in (
        "Asia/Kathmandu",
        "example.com\n*.example.com",
        "192.0.2.0/24",
        "id\ntab",
        "/user/*",
    ):
        assert text in page


def test_settings_are_edited_a_line_for_each_entry(save, website):
    response = save(
        timezone="Europe/Berlin",
        honour_privacy_signals="on",
        allowed_hosts=" example.com \r\n\r\n*.example.com",
        ignored_networks="192.0.2.7\n10.0.0.0/8\n",
        query_keys="id",
        trailing_slash="remove",
        patterns="/user/*\r\n/shop/*",
    )
    assert response["Location"] == WEBSITES
    website.refresh_from_db()
    assert (website.timezone, website.honour_privacy_signals) == ("Europe/Berlin", True)
    assert website.allowed_hosts == ["example.com", "*.example.com"]
    assert website.ignored_networks == ["192.0.2.7", "10.0.0.0/8"]
    assert website.page_rules == {
        "queryKeys": ["id"],
        "trailingSlash": "remove",
        "patterns": ["/user/*", "/shop/*"],
    }


def test_what_a_script_does_not_send_stays(save, website):
    website.change(timezone="Asia/Tokyo", allowed_hosts=["a.b"], page_rules={"queryKeys": ["id"]})
    rules = website.page_rules
    assert save(ignored_networks="::1").status_code == 302
    website.refresh_from_db()
    assert (website.timezone, website.allowed_hosts) == ("Asia/Tokyo", ["a.b"])
    assert (website.ignored_networks, website.page_rules) == (["::1"], rules)


def test_lists_are_emptied(save, website):
    website.change(allowed_hosts=["a.b"], page_rules={"queryKeys": ["id"]})
    save(allowed_hosts="", query_keys="")
    website.refresh_from_db()
    assert (website.allowed_hosts, website.page_rules["queryKeys"]) == ([], [])


def test_the_rules_are_those_of_the_api(save, website):
    response = save(
        timezone="Mars",
        allowed_hosts="example.com\nhttps://example.com",
        ignored_networks="office",
        query_keys="a=b",
        trailing_slash="add",
        patterns="user",
    )
    assert response.status_code == 200
    host = (
        "Invalid host 'https://example.com'. Expected a host such as example.com or *.example.com"
    )
    assert dict(response.context["adminform"].form.errors) == {
        "timezone": ["Invalid time zone 'Mars'. Expected an IANA name such as Europe/Berlin"],
        "allowed_hosts": [host],
        "ignored_networks": [
            "Invalid network 'office'. Expected an address or a network such as 192.0.2.0/24"
        ],
        "query_keys": ["Invalid query key"],
        "trailing_slash": ["Select a valid choice. add is not one of the available choices."],
        "patterns": ["Invalid pattern 'user'. Expected a path such as /user/*"],
    }
    website.refresh_from_db()
    assert (website.timezone, website.allowed_hosts) == ("UTC", [])


def test_who_may_only_look_sees_the_page(make_user, path):
    viewer = make_user("viewer@example.com", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_website"))
    client = Client()
    client.force_login(viewer)
    assert "Ignored networks" in html_of(client, path)
