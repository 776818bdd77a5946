"""The group Staff and its permissions"""

import re

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db.models.signals import post_migrate
from django.test import Client

from analytics.events.models import Event
from analytics.streams.base import streams
from config.db import uuid7
from config.models import RuntimeSettings, SettingChange
from websites import roles

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

HOME = "/admin/"
SETTINGS = "/admin/config/runtimesettings/1/change/"
HISTORY = "/admin/config/settingchange/"
EVENTS = "/admin/analytics/event/"


@pytest.fixture
def member(make_user):
    """A client of a member of the group."""
    user = make_user("member@example.com", is_staff=True)
    user.groups.add(Group.objects.get(name="Staff"))
    client = Client()
    client.force_login(user)
    return client


def permissions():
    group = Group.objects.get(name="Staff")
    return set(group.permissions.values_list("codename", flat=True))


def expected():
    views = {f"view_{model._meta.model_name}" for model in streams()}
    others = {"view_runtimesettings", "change_runtimesettings"}
    return views | others | {"view_rejectedrow", "delete_rejectedrow"}


def links(page):
    """Return the paths within the admin to which a page leads."""
    found = re.findall(r'href="(/admin/[^"?#]*)', page.content.decode())
    return set(found) - {"/admin/logout/", "/admin/password_change/", "/admin/jsi18n/"}


def test_the_group_sees_all_streams_and_changes_settings():
    assert permissions() == expected()
    assert "view_event" in permissions()


def test_a_migration_restores_missing_permissions_and_keeps_added_ones():
    group = Group.objects.get(name="Staff")
    group.permissions.clear()
    extra = Permission.objects.get(codename="view_website")
    group.permissions.add(extra)
    Permission.objects.filter(codename="view_event").delete()  # as before a new stream's migration
    for app in apps.get_app_configs():
        roles.grant_permissions(app, using="default")
    assert permissions() == expected() | {"view_website"}


def test_migrating_makes_the_group():
    Group.objects.all().delete()
    call_command("migrate", verbosity=0)
    assert permissions() == expected()
    assert roles.grant_permissions in [receiver() for _, receiver, *_ in post_migrate.receivers]


def test_the_analytics_database_has_no_group():
    Group.objects.all().delete()
    for app in apps.get_app_configs():
        roles.grant_permissions(app, using="analytics")
    assert not Group.objects.exists()


def test_every_link_of_a_role_opens(member, website):
    event = Event.objects.create(
        id=uuid7.new_id_now(), created_at=uuid7.now(), website_id=website.id,
        event_type="click", url="https://a.test/", session_id="s", visitor_id="v",
    )  # fmt: skip
    pages = [HOME, EVENTS, f"{EVENTS}{event.pk}/change/", SETTINGS, HISTORY]
    for page in pages:
        found = links(member.get(page))
        assert {EVENTS, "/admin/analytics/session/", HISTORY} <= found
        responses = {link: member.get(link, follow=True).status_code for link in found}
        assert responses == dict.fromkeys(found, 200)


def test_a_member_sees_no_people_and_no_websites(member, user, website):
    home = member.get(HOME).content.decode()
    assert "People &amp; websites" not in home
    paths = [
        *("/admin/websites/user/", f"/admin/websites/user/{user.pk}/change/"),
        *("/admin/websites/website/", f"/admin/websites/website/{website.pk}/change/"),
        *("/admin/auth/group/", f"/admin/websites/website/{website.pk}/pause/"),
    ]
    assert {path: member.get(path).status_code for path in paths} == dict.fromkeys(paths, 403)


def test_a_member_changes_settings_and_adds_or_deletes_no_event(member, website):
    assert 'name="tracking_enabled_reason"' in member.get(SETTINGS).content.decode()
    assert member.get(f"{EVENTS}add/").status_code == 403
    event = uuid7.new_id_now()
    assert member.post(f"{EVENTS}{event}/delete/").status_code == 403


@pytest.mark.parametrize(
    ("before", "sent"),
    [
        ({"event_retention_days": 0}, {"event_retention_days": "30"}),
        ({"collect_retention_days": 90}, {"collect_retention_days": "89"}),
        ({"statistics_retention_days": 400}, {"statistics_retention_days": "0"}),
        ({"public_event_reads": "off"}, {"public_event_reads": "true"}),
        ({"platform_stats_public": "false"}, {"platform_stats_public": "true"}),
        ({"public_event_reads": "false"}, {"public_event_reads_until": "2100-01-01T00:00"}),
        (
            {"public_event_reads": "true", "ends": {"public_event_reads": "2099-01-01T00:00Z"}},
            {"public_event_reads_until": ""},
        ),
    ],
)
def test_a_member_neither_opens_reads_nor_shortens_retention(member, before, sent):
    RuntimeSettings(pk=1, **before).save()
    sent = {"tracking_enabled": "false"} | sent
    response = member.post(SETTINGS, sent)
    [name] = {each.removesuffix("_until") for each in sent} - {"tracking_enabled"}
    [error] = response.context["adminform"].form.errors[name]
    assert "takes a permission of its own" in error
    assert not SettingChange.objects.exists()
    Group.objects.get(name="Staff").permissions.add(
        Permission.objects.get(codename="expose_or_delete")
    )
    response = member.post(SETTINGS, sent)
    assert member.post(SETTINGS, sent | {"confirmed": response.context["confirmed"]}).url
    assert SettingChange.objects.count() == 2


def test_a_member_flips_other_switches_closes_reads_and_lengthens_retention(member):
    sent = {
        "registration_enabled": "false",
        "public_event_reads": "false",
        "platform_stats_public": "false",
        "collect_retention_days": "91",
    }
    assert member.post(SETTINGS, sent).status_code == 302
    assert member.post(SETTINGS, {"registration_enabled": "true"}).status_code == 302
    assert SettingChange.objects.count() == 5


def test_staff_without_permissions_see_a_message(make_user):
    client = Client()
    client.force_login(make_user(is_staff=True))
    page = client.get(HOME)
    assert page.status_code == 200
    assert "Nothing here is yours to see" in page.content.decode()
    assert links(page) == {HOME}


def test_an_admin_is_led_to_everything_in_three_groups(staff_api):
    found = links(staff_api.get(HOME))
    assert {EVENTS, HISTORY, "/admin/websites/website/", "/admin/auth/group/"} <= found
    groups = staff_api.get(HOME).context["sidebar_navigation"]
    titles = [group.get("title") for group in groups]
    assert titles == [None, "Events", "People & websites", "Settings"]
