"""Changes of runtime settings in the admin: confirmation, reasons, ends and previews"""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from config import runtime
from config.models import RuntimeSettings, SettingChange
from config.runtime import preview
from tests.support.databases import failing

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

FORM = "/admin/config/runtimesettings/1/change/"
HISTORY = "/admin/config/runtimesettings/1/history/"
NOW = timezone.now().replace(second=0, microsecond=0)
IN_AN_HOUR = NOW + timedelta(hours=1)


@pytest.fixture
def send(staff_api):
    """Send the form as a browser does: all that it shows, but for some changes."""

    def send(**changes):
        return staff_api.post(FORM, shown_fields(staff_api) | changes)

    return send


def shown_fields(staff_api):
    """Return all fields of the form, hidden ones too."""
    html = staff_api.get(FORM).content.decode()
    inputs = re.findall(r"<input [^>]*>", html)
    found = {name_of(each): value_of(each) for each in inputs if name_of(each)}
    for name, options in re.findall(r'<select name="(\w+)".*?>(.*?)</select>', html, re.DOTALL):
        [found[name]] = [value_of(each) for each in re.findall(r"<option .*?selected>", options)]
    assert {"tracking_enabled", "initial-tracking_enabled", "tracking_enabled_until"} <= {*found}
    return found


def name_of(tag):
    return "".join(re.findall(r' name="([^"]*)"', tag))


def value_of(tag):
    return unescape("".join(re.findall(r' value="([^"]*)"', tag)))


def as_sent(end):
    return f"{end:%Y-%m-%dT%H:%M}"


def hidden(response):
    """Return the fields that the confirmation sends."""
    fields = re.findall(
        r'<input type="hidden" name="([\w-]+)" value="([^"]*)">', response.content.decode()
    )
    return {name: unescape(value) for name, value in fields}


def history():
    fields = ("name", "old", "new", "until", "changed_by", "reason")
    return list(SettingChange.objects.values_list(*fields))


def test_a_switch_is_flipped_at_once_and_without_a_reason(send, staff_api):
    response = send(events_enabled="false")
    assert response.status_code == 302
    assert history() == [("events_enabled", "true", "false", None, "staff@example.com", "")]
    assert runtime.current().events_enabled is False
    result = (
        "events_enabled: true → false. It would have dropped 0 events that came in the last hour."
    )
    assert result in staff_api.get(FORM).content.decode()


def test_each_change_has_the_reason_that_stands_beside_it(send):
    send(
        events_enabled="false",
        events_enabled_reason="a flood",
        collect_retention_days="100",
        collect_retention_days_reason="the audit",
        tracking_enabled_reason="not changed",
    )
    assert {(name, reason) for name, *_, reason in history()} == {
        ("events_enabled", "a flood"),
        ("collect_retention_days", "the audit"),
    }


def test_the_reason_of_a_script_is_that_of_all_changes(staff_api):
    sent = {"events_enabled": "false", "collect_enabled": "false", "collect_enabled_reason": "b"}
    assert staff_api.post(FORM, sent | {"reason": "a"}).status_code == 302
    assert {(name, reason) for name, *_, reason in history()} == {
        ("events_enabled", "a"),
        ("collect_enabled", "b"),
    }


@pytest.mark.parametrize("name", ["reason", "events_enabled_reason"])
def test_a_reason_that_is_too_long_changes_nothing(staff_api, name):
    response = staff_api.post(FORM, {"events_enabled": "false", name: "x" * 256})
    assert list(response.context["adminform"].form.errors) == [name]
    assert history() == []


def test_without_a_change_nothing_is_stored(send):
    assert send().status_code == 302
    assert history() == []
    assert LogEntry.objects.get().get_change_message() == "No fields changed."


DELETES = [
    ({"collect_retention_days": 90}, "collect_retention_days", "89"),
    ({"event_retention_days": 0}, "event_retention_days", "36500"),
    ({"track_retention_days": 5}, "track_retention_days", "1"),
]
OPENS = [({"public_event_reads": text}, "public_event_reads", "true") for text in ("false", "TRUE")]
HARMLESS = [
    ({"collect_retention_days": 90}, "collect_retention_days", "91"),
    ({"collect_retention_days": 90}, "collect_retention_days", "0"),
    ({"public_event_reads": "true"}, "public_event_reads", "false"),
    ({"public_event_reads": "false"}, "public_event_reads", "TRUE"),
    ({"tracking_enabled": "false"}, "tracking_enabled", "true"),
    ({"max_event_data_bytes": 100}, "max_event_data_bytes", "2"),
]


@pytest.mark.parametrize(("before", "name", "value"), [*DELETES, *OPENS])
def test_what_deletes_or_opens_something_is_confirmed(send, staff_api, before, name, value):
    RuntimeSettings(pk=1, **before).save()
    response = send(**{name: value, f"{name}_reason": "a <b>"})
    page = response.content.decode()
    assert response.status_code == 200
    assert f"{name}: {before[name]} → {value}" in page
    assert "Reason: a &lt;b&gt;" in page
    assert history() == []
    assert staff_api.post(FORM, hidden(response)).status_code == 302
    expected = (name, str(before[name]), value, None, "staff@example.com", "a <b>")
    assert history() == [expected]


@pytest.mark.parametrize(("before", "name", "value"), HARMLESS)
def test_all_else_is_changed_at_once(send, before, name, value):
    RuntimeSettings(pk=1, **before).save()
    assert send(**{name: value}).status_code == 302
    assert [(each, new) for each, _, new, *_ in history()] == [(name, value)]


def test_what_opens_something_at_its_end_is_confirmed(send, staff_api):
    RuntimeSettings(pk=1, public_event_reads="false").save()
    response = send(public_event_reads_until=as_sent(IN_AN_HOUR))
    assert response.status_code == 200
    assert history() == []
    assert staff_api.post(FORM, hidden(response)).status_code == 302
    assert RuntimeSettings.objects.get().end_of("public_event_reads") == IN_AN_HOUR


def test_one_change_to_be_confirmed_holds_back_the_others(send):
    response = send(event_retention_days="30", events_enabled="false")
    page = response.content.decode()
    assert "event_retention_days: 0 → 30" in page
    assert "events_enabled: true → false" in page
    assert "A single event gets its usual 201" in page
    assert "It would have dropped 0 events that came in the last hour." in page
    assert history() == []


def test_only_what_was_confirmed_is_saved(send, staff_api):
    first = hidden(send(event_retention_days="30"))
    RuntimeSettings.load().change({"event_retention_days": 60}, changed_by="b@example.com")
    response = staff_api.post(FORM, first)
    assert "event_retention_days: 60 → 30" in response.content.decode()
    other = staff_api.post(FORM, hidden(response) | {"event_retention_days": "20"})
    assert "event_retention_days: 60 → 20" in other.content.decode()
    assert RuntimeSettings.objects.get().event_retention_days == 60
    assert staff_api.post(FORM, hidden(other)).status_code == 302
    assert RuntimeSettings.objects.get().event_retention_days == 20
    assert list(SettingChange.objects.values_list("new", "is_confirmed").order_by("-id"))[:2] == [
        ("20", True),
        ("60", False),
    ]


def test_a_form_that_was_opened_before_undoes_no_change_of_others(staff_api):
    opened = shown_fields(staff_api)
    changes = {"events_enabled": "false", "platform_enabled": "false", "event_retention_days": 30}
    ends = {"events_enabled": IN_AN_HOUR}
    RuntimeSettings.load().change(changes, changed_by="b@example.com", ends=ends)
    response = staff_api.post(FORM, opened | {"tracking_enabled": "false"})
    assert response.status_code == 302
    row = RuntimeSettings.objects.get()
    assert {name: getattr(row, name) for name in changes} == changes
    assert row.end_of("events_enabled") == IN_AN_HOUR
    assert row.tracking_enabled == "false"
    assert len(history()) == 4


def test_a_switch_is_off_until_its_end(send, staff_api):
    send(reason="a flood", tracking_enabled="false", tracking_enabled_until=as_sent(IN_AN_HOUR))
    row = RuntimeSettings.objects.get()
    assert (row.tracking_enabled, row.end_of("tracking_enabled")) == ("false", IN_AN_HOUR)
    expected = ("tracking_enabled", "true", "false", IN_AN_HOUR, "staff@example.com", "a flood")
    assert history() == [expected]
    page = staff_api.get(FORM).content.decode()
    assert f'value="{as_sent(IN_AN_HOUR)}"' in page
    result = f"tracking_enabled: true → false until {IN_AN_HOUR:%Y-%m-%d %H:%M} UTC"
    assert LogEntry.objects.get().get_change_message() == result
    assert f"{IN_AN_HOUR:%Y-%m-%d %H:%M} UTC" in staff_api.get(HISTORY).content.decode()


def test_turning_a_switch_back_early_forgets_its_end(send):
    send(tracking_enabled="false", tracking_enabled_until=as_sent(IN_AN_HOUR))
    send(tracking_enabled="true")
    row = RuntimeSettings.objects.get()
    assert (row.tracking_enabled, row.ends) == ("true", {})


def test_an_end_is_changed_and_removed(send):
    send(tracking_enabled="false", tracking_enabled_until=as_sent(IN_AN_HOUR))
    later = IN_AN_HOUR + timedelta(hours=1)
    send(tracking_enabled_until=as_sent(later))
    assert RuntimeSettings.objects.get().end_of("tracking_enabled") == later
    send(tracking_enabled_until="")
    row = RuntimeSettings.objects.get()
    assert (row.tracking_enabled, row.ends) == ("false", {})
    assert [until for _, _, _, until, _, _ in history()] == [None, later, IN_AN_HOUR]


def test_an_end_must_be_in_the_future(send):
    past = as_sent(NOW - timedelta(minutes=1))
    response = send(tracking_enabled="false", tracking_enabled_until=past, reason="a flood")
    expected = {"tracking_enabled_until": ["Choose a time to come."]}
    assert response.context["adminform"].form.errors == expected
    assert not RuntimeSettings.objects.exists()


def test_every_switch_may_have_an_end(staff_api):
    fields = staff_api.get(FORM).context["adminform"].form.fields
    assert {f"{name}_until" for name in RuntimeSettings.switches()} <= fields.keys()


def test_the_form_and_the_history_show_who_and_why(send, staff_api):
    send(tracking_enabled="false", tracking_enabled_reason="a flood of <bots>")
    for page in (FORM, HISTORY):
        html = staff_api.get(page).content.decode()
        assert "a flood of &lt;bots&gt;" in html
        assert "staff@example.com" in html


def test_without_the_analytics_database_a_switch_can_be_set_all_the_same(send, staff_api):
    with failing("analytics", "the analytics database is away"):
        assert send(events_enabled="false").status_code == 302
        assert preview.UNKNOWN in staff_api.get(FORM).content.decode()
    assert RuntimeSettings.objects.get().events_enabled == "false"
