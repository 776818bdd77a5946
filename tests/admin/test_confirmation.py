"""The confirmation of changed settings in the admin: reasons, ends, and what a change means."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from config import runtime
from config.api import outcome_counts
from config.db import uuid7
from config.models import OutcomeCount, RuntimeSettings, SettingChange
from config.runtime import preview
from config.runtime.preview import PendingChange
from tests.support.databases import away

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

FORM = "/admin/config/runtimesettings/1/change/"
HISTORY = "/admin/config/runtimesettings/1/history/"
NOW = timezone.now().replace(second=0, microsecond=0)
IN_AN_HOUR = NOW + timedelta(hours=1)


@pytest.fixture
def send(staff_api):
    """Send the form as a browser does: all that it shows, but for some changes."""

    def send(**changes):
        form = staff_api.get(FORM).context["adminform"].form
        shown = {name: form[name].value() for name in form.fields}
        shown = {name: "" if value is None else value for name, value in shown.items()}
        for name in RuntimeSettings.switches():
            if end := form[f"{name}_until"].value():
                shown[f"{name}_until"] = as_sent(end)
        return staff_api.post(FORM, shown | changes)

    return send


def as_sent(end):
    return f"{end:%Y-%m-%dT%H:%M}"


def hidden(response):
    """Return the fields that the confirmation sends."""
    fields = re.findall(
        r'<input type="hidden" name="(\w+)" value="([^"]*)">', response.content.decode()
    )
    return {name: unescape(value) for name, value in fields}


@pytest.fixture
def confirm(staff_api, send):
    """Send the form and the confirmation that follows."""

    def confirm(**changes):
        response = send(**{"reason": "a flood"} | changes)
        return staff_api.post(FORM, hidden(response))

    return confirm


def history():
    fields = ("name", "old", "new", "until", "changed_by", "reason")
    return list(SettingChange.objects.values_list(*fields))


def test_a_change_asks_first_and_changes_nothing_yet(send, staff_api):
    response = send(events_enabled="false", reason="a flood")
    page = response.content.decode()
    assert response.status_code == 200
    assert "events_enabled: true → false" in page
    assert "A single event gets its usual 201" in page
    assert "It would have dropped 0 events that came in the last hour." in page
    assert not RuntimeSettings.objects.exists()
    saved = staff_api.post(FORM, hidden(response))
    assert saved.status_code == 302
    assert history() == [("events_enabled", "true", "false", None, "staff@example.com", "a flood")]
    assert runtime.current().events_enabled is False


def test_a_change_needs_a_reason(send):
    response = send(events_enabled="false", reason=" ")
    assert response.context["adminform"].form.errors == {"reason": ["Say why."]}
    assert not RuntimeSettings.objects.exists()


def test_without_a_change_there_is_nothing_to_confirm(send):
    assert send().status_code == 302
    assert history() == []
    assert LogEntry.objects.get().get_change_message() == "No fields changed."


def test_what_was_confirmed_is_saved_and_nothing_else(send, staff_api):
    first = hidden(send(events_enabled="false", reason="a flood"))
    RuntimeSettings.load().change({"platform_enabled": "false"}, changed_by="b@example.com")
    response = staff_api.post(FORM, first)
    assert "platform_enabled: false → true" in response.content.decode()
    assert [name for name, *_ in history()] == ["platform_enabled"]
    other = staff_api.post(FORM, hidden(response) | {"events_enabled": "FALSE"})
    assert "events_enabled: true → FALSE" in other.content.decode()
    assert staff_api.post(FORM, hidden(other)).status_code == 302
    assert RuntimeSettings.objects.get().events_enabled == "FALSE"


def test_a_switch_is_off_until_its_end(confirm, staff_api):
    confirm(tracking_enabled="false", tracking_enabled_until=as_sent(IN_AN_HOUR))
    row = RuntimeSettings.objects.get()
    assert (row.tracking_enabled, row.end_of("tracking_enabled")) == ("false", IN_AN_HOUR)
    expected = ("tracking_enabled", "true", "false", IN_AN_HOUR, "staff@example.com", "a flood")
    assert history() == [expected]
    page = staff_api.get(FORM).content.decode()
    assert f'value="{as_sent(IN_AN_HOUR)}"' in page
    told = f"tracking_enabled: true → false until {IN_AN_HOUR:%Y-%m-%d %H:%M} UTC"
    assert LogEntry.objects.get().get_change_message() == told
    assert f"{IN_AN_HOUR:%Y-%m-%d %H:%M} UTC" in staff_api.get(HISTORY).content.decode()


def test_turning_a_switch_back_early_forgets_its_end(confirm, send):
    confirm(tracking_enabled="false", tracking_enabled_until=as_sent(IN_AN_HOUR))
    confirm(tracking_enabled="true")
    row = RuntimeSettings.objects.get()
    assert (row.tracking_enabled, row.ends) == ("true", {})


def test_an_end_is_moved_and_taken_away(confirm):
    confirm(tracking_enabled="false", tracking_enabled_until=as_sent(IN_AN_HOUR))
    later = IN_AN_HOUR + timedelta(hours=1)
    confirm(tracking_enabled_until=as_sent(later))
    assert RuntimeSettings.objects.get().end_of("tracking_enabled") == later
    confirm(tracking_enabled_until="")
    row = RuntimeSettings.objects.get()
    assert (row.tracking_enabled, row.ends) == ("false", {})
    assert [until for _, _, _, until, _, _ in history()] == [None, later, IN_AN_HOUR]


def test_an_end_must_be_to_come(send):
    past = as_sent(NOW - timedelta(minutes=1))
    response = send(tracking_enabled="false", tracking_enabled_until=past, reason="a flood")
    told = {"tracking_enabled_until": ["Choose a time to come."]}
    assert response.context["adminform"].form.errors == told
    assert not RuntimeSettings.objects.exists()


def test_every_switch_may_have_an_end(staff_api):
    fields = staff_api.get(FORM).context["adminform"].form.fields
    assert {f"{name}_until" for name in RuntimeSettings.switches()} <= fields.keys()


def test_the_form_and_the_history_tell_who_and_why(confirm, staff_api):
    confirm(tracking_enabled="false", reason="a flood of <bots>")
    for page in (FORM, HISTORY):
        html = staff_api.get(page).content.decode()
        assert "a flood of &lt;bots&gt;" in html
        assert "staff@example.com" in html


@pytest.fixture
def count():
    """Write a tally of some minutes ago."""

    def count(minutes, api, outcome, events, *, reason=""):
        at = uuid7.now() - timedelta(minutes=minutes)
        OutcomeCount.objects.create(
            slot=outcome_counts.slot_of(at), api=api, outcome=outcome, reason=reason, events=events
        )

    return count


def test_switching_off_tells_what_it_would_have_dropped(count):
    count(30, "track", "stored", 1200)
    count(20, "track", "duplicate", 34)
    for other in ((90, "track", "stored", 7), (10, "events", "stored", 7)):
        count(*other)
    count(10, "track", "rejected", 7)
    told = preview.preview(PendingChange("tracking_enabled", "true", "TRUE"))
    assert told == "It would have dropped 1,234 events that came in the last hour."


def test_switching_on_tells_what_the_switch_dropped(count):
    count(30, "collect", "dropped", 1, reason="kill_switch")
    count(30, "collect", "dropped", 7, reason="write_failed")
    told = preview.preview(PendingChange("collect_enabled", "", "true"))
    assert told == "It would have kept 1 event that the switch dropped in the last hour."


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (PendingChange("tracking_enabled", "false", "TRUE"), "It stays off."),
        (PendingChange("tracking_enabled", "true", "true", NOW), "It stays on."),
        (
            PendingChange("max_event_data_bytes", 10_000, 5),
            preview.UNMEASURED["max_event_data_bytes"],
        ),
        (
            PendingChange("public_event_reads", "true", "false"),
            preview.UNMEASURED["public_event_reads"],
        ),
    ],
)
def test_what_other_changes_mean(wanted, told):
    assert preview.preview(wanted) == told


def test_without_the_analytics_database_a_switch_can_be_set_all_the_same(confirm, send):
    with away("analytics", "the analytics database is away"):
        assert preview.UNKNOWN in send(events_enabled="false", reason="a").content.decode()
        assert confirm(events_enabled="false").status_code == 302
    assert RuntimeSettings.objects.get().events_enabled == "false"
