"""Runtime settings in the admin"""

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from config import runtime
from config.models import RuntimeSettings, SettingChange
from config.runtime.setting_status import setting_statuses
from tests.support.accounts import PASSWORD

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

LIST = "/admin/config/runtimesettings/"
FORM = f"{LIST}1/change/"
HISTORY = f"{LIST}1/history/"


@pytest.fixture
def send(staff_api):
    """Send the form with all settings as they are, but for some, and with a reason."""

    def send(**changes):
        row = RuntimeSettings.load()
        values = {name: getattr(row, name) for name in RuntimeSettings.names()}
        return staff_api.post(FORM, values | {"reason": "a test"} | changes)

    return send


@pytest.fixture
def save(send):
    """Send the form, and confirm what it asks to be confirmed."""

    def save(**changes):
        response = send(**changes)
        confirmed = "confirmed" in (response.context or {}) and response.context["confirmed"]
        return send(**changes, confirmed=confirmed) if confirmed else response

    return save


def history():
    return list(SettingChange.objects.values_list("name", "old", "new", "changed_by"))


def options(page, name):
    """Return (value, label, is selected) of each option of a select."""
    [select] = re.findall(rf'<select name="{name}".*?</select>', page, re.DOTALL)
    found = re.findall(r'<option value="([^"]*)"( selected)?>([^<]*)<', select)
    return [(value, label.strip(), bool(selected)) for value, selected, label in found]


def test_the_list_redirects_to_the_one_form(staff_api):
    response = staff_api.get(LIST)
    assert (response.status_code, response["Location"]) == (302, FORM)


def test_the_form_shows_each_setting_with_its_meaning(staff_api):
    page = staff_api.get(FORM).content.decode()
    for field in RuntimeSettings.fields():
        assert f'name="{field.name}"' in page
        assert field.help_text in page
        assert escape(setting_statuses()[field.name].off) in page
    assert options(page, "tracking_enabled") == [("true", "On", True), ("false", "Off", False)]
    assert not RuntimeSettings.objects.exists()


def test_a_change_is_stored_recorded_and_in_force(save):
    assert runtime.current().events_enabled
    response = save(events_enabled="false", collect_retention_days="30")
    assert (response.status_code, response["Location"]) == (302, LIST)
    row = RuntimeSettings.objects.get()
    assert (row.events_enabled, row.collect_retention_days) == ("false", 30)
    assert sorted(history()) == [
        ("collect_retention_days", "90", "30", "staff@example.com"),
        ("events_enabled", "true", "false", "staff@example.com"),
    ]
    entry = LogEntry.objects.get()
    assert (entry.user.email, entry.object_id) == ("staff@example.com", "1")
    assert entry.get_change_message() == (
        "events_enabled: true → false; collect_retention_days: 90 → 30"
    )
    assert runtime.current().events_enabled is False


def test_saving_without_a_change_records_none(save):
    assert save().status_code == 302
    assert history() == []
    assert LogEntry.objects.get().get_change_message() == "No fields changed."


@pytest.mark.parametrize("text", ["TRUE", "1", " true", "", '&<"'])
def test_any_other_text_is_off_and_shown_as_it_is(save, staff_api, text):
    save(tracking_enabled=text)
    assert RuntimeSettings.objects.get().tracking_enabled == text
    assert runtime.current().tracking_enabled is False
    page = staff_api.get(FORM).content.decode()
    *known, odd = options(page, "tracking_enabled")
    assert known == [("true", "On", False), ("false", "Off", False)]
    assert odd[1].startswith("Off (&quot;")
    assert odd[2] is True
    save(events_enabled="false")
    assert RuntimeSettings.objects.get().tracking_enabled == text


@pytest.mark.parametrize(
    ("name", "value"), [("tracking_enabled", "false"), ("max_event_data_bytes", "5")]
)
def test_a_script_may_send_one_setting_alone(staff_api, name, value):
    until = timezone.now().replace(second=0, microsecond=0) + timedelta(hours=1)
    before = {"events_enabled": "false", "collect_enabled": "off", "event_retention_days": 30}
    RuntimeSettings.load().change(before, changed_by="a", ends={"events_enabled": until})
    sent = {name: value, "reason": "a script"}
    assert staff_api.post(FORM, sent).status_code == 302
    row = RuntimeSettings.objects.get()
    assert {each: getattr(row, each) for each in before} == before
    assert str(getattr(row, name)) == value
    assert row.end_of("events_enabled") == until
    assert history()[0] == (name, *map(str, (default(name), value)), "staff@example.com")
    assert SettingChange.objects.filter(reason="a script").count() == 1


def default(name):
    return getattr(RuntimeSettings(), name)


def test_a_script_logs_in_and_flips_a_switch(make_user):
    """All that it needs is the CSRF token, which each response sets as a cookie."""
    make_user("ops@example.com", is_staff=True, is_superuser=True)
    script = Client(enforce_csrf_checks=True)

    def post(path, **sent):
        script.get(path)
        token = script.cookies["csrftoken"].value
        return script.post(path, {"csrfmiddlewaretoken": token} | sent)

    login = post("/accounts/login/", username="ops@example.com", password=PASSWORD)
    assert login.status_code == 302
    assert post(FORM, tracking_enabled="false").status_code == 302
    assert history() == [("tracking_enabled", "true", "false", "ops@example.com")]
    assert runtime.current().tracking_enabled is False


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_event_data_bytes", "1"),
        ("max_event_data_bytes", "1048577"),
        ("max_event_data_bytes", "x"),
        ("event_retention_days", "-1"),
        ("event_retention_days", ""),
        ("tracking_enabled", "x" * 17),
    ],
)
def test_an_invalid_value_changes_nothing(save, name, value):
    response = save(platform_enabled="false", **{name: value})
    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == [name]
    assert not RuntimeSettings.objects.exists()
    assert history() == []


def test_the_history_shows_who_changed_what_newest_first(save, staff_api):
    call_command("settings", "tracking_enabled=false", verbosity=0)
    save(max_event_data_bytes="20000")
    response = staff_api.get(HISTORY)
    assert response.status_code == 200
    changes = list(response.context["cl"].result_list)
    assert [str(change) for change in changes] == [
        "max_event_data_bytes: 10000 → 20000",
        "tracking_enabled: true → false",
    ]
    page = response.content.decode()
    assert "staff@example.com" in page
    assert f'href="{HISTORY}"' in staff_api.get(FORM).content.decode()


@pytest.mark.parametrize(
    "path",
    [
        f"{LIST}add/",
        f"{LIST}1/delete/",
        "/admin/config/settingchange/add/",
    ],
)
def test_nothing_is_added_or_deleted(staff_api, path):
    assert staff_api.get(path).status_code == 403
    assert staff_api.post(path, {"post": "yes"}).status_code == 403


def test_the_history_is_read_only(save, staff_api):
    save(tracking_enabled="false")
    change = SettingChange.objects.get()
    path = f"/admin/config/settingchange/{change.pk}"
    assert staff_api.post(f"{path}/change/", {"new": "true"}).status_code == 403
    assert staff_api.post(f"{path}/delete/", {"post": "yes"}).status_code == 403
    assert history() == [("tracking_enabled", "true", "false", "staff@example.com")]


def test_there_is_no_second_row(staff_api):
    assert staff_api.get(f"{LIST}2/change/").status_code == 302
    assert staff_api.post(f"{LIST}2/change/", {"tracking_enabled": "false"}).status_code == 302
    assert not RuntimeSettings.objects.exists()


@pytest.fixture
def viewer(make_user):
    """A member of staff who may look at the settings."""
    user = make_user("viewer@example.com", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_runtimesettings"))
    client = Client()
    client.force_login(user)
    return client


def test_view_permission_changes_nothing(viewer):
    assert viewer.get(FORM).status_code == 200
    assert viewer.get(HISTORY).status_code == 200
    assert viewer.post(FORM, {"tracking_enabled": "false"}).status_code == 403


@pytest.mark.parametrize("path", [LIST, FORM, HISTORY, "/admin/config/settingchange/"])
def test_staff_without_permissions_see_nothing(make_user, path):
    client = Client()
    client.force_login(make_user(is_staff=True))
    assert client.get(path, follow=True).status_code == 403
