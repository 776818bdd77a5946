"""`manage.py settings`"""

import getpass
from datetime import UTC, datetime
from io import StringIO
from unittest.mock import Mock

import pytest
from django.core.management import CommandError, call_command

from config import runtime
from config.models import RuntimeSettings, SettingChange

pytestmark = pytest.mark.django_db


def settings_command(*changes, **options):
    out = StringIO()
    call_command("settings", *changes, stdout=out, **options)
    return out.getvalue()


def history():
    return list(SettingChange.objects.values_list("name", "old", "new", "changed_by"))


def test_it_lists_every_setting_with_its_value_and_meaning():
    lines = settings_command().splitlines()
    assert [line.split()[0] for line in lines] == RuntimeSettings.names()
    assert lines[0] == (
        "tracking_enabled         true     "
        "Takes funnel events, sessions and page views: the whole track API. "
        "Off: All six routes answer 200 as ever, new sessions and page views with a null id; "
        "nothing is stored."
    )
    assert lines[9].split()[:2] == ["track_retention_days", "0"]
    assert not RuntimeSettings.objects.exists()


def test_it_changes_settings_and_records_who_did(monkeypatch):
    monkeypatch.setattr(getpass, "getuser", lambda: "ops")
    assert runtime.current().tracking_enabled
    out = settings_command("tracking_enabled=false", "max_event_data_bytes=20000")
    assert out == (
        "tracking_enabled: true → false\nmax_event_data_bytes: 10000 → 20000\n2 changed.\n"
    )
    row = RuntimeSettings.objects.get()
    assert (row.pk, row.tracking_enabled, row.max_event_data_bytes) == (1, "false", 20000)
    assert sorted(history()) == [
        ("max_event_data_bytes", "10000", "20000", "ops"),
        ("tracking_enabled", "true", "false", "ops"),
    ]
    now = runtime.current()
    assert (now.tracking_enabled, now.max_event_data_bytes) == (False, 20000)


def test_a_user_without_a_name_is_recorded_by_number(monkeypatch):
    def nameless():
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr(getpass, "getuser", nameless)
    monkeypatch.setattr("os.getuid", lambda: 1234)
    settings_command("events_enabled=off")
    assert history() == [("events_enabled", "true", "off", "1234")]


def test_a_reason_is_stored():
    settings_command("tracking_enabled=false", reason="a flood of bots")
    assert SettingChange.objects.get().reason == "a flood of bots"
    with pytest.raises(CommandError, match=r"^The reason has more than 255 characters\.$"):
        settings_command("tracking_enabled=true", reason="x" * 256)
    assert RuntimeSettings.objects.get().tracking_enabled == "false"


def test_a_switch_gets_an_end_which_is_listed():
    out = settings_command("tracking_enabled=false", until="9998-01-01T14:00")
    assert out == "tracking_enabled: true → false until 9998-01-01 14:00 UTC\n1 changed.\n"
    end = datetime(9998, 1, 1, 14, tzinfo=UTC)
    assert RuntimeSettings.objects.get().end_of("tracking_enabled") == end
    [first, *_] = settings_command().splitlines()
    assert first.startswith("tracking_enabled         false until 9998-01-01 14:00 UTC Takes")


@pytest.mark.parametrize(
    ("until", "sentence"),
    [
        ("tomorrow", "tomorrow is not of the form 2026-11-24T14:00."),
        ("2020-01-01T00:00", "2020-01-01 00:00 UTC is not to come."),
        ("9998-01-01T14:00", "Only switches turn back, not event_retention_days."),
    ],
)
def test_an_end_must_make_sense(until, sentence):
    changes = ("tracking_enabled=false", "event_retention_days=5")
    with pytest.raises(CommandError) as refusal:
        settings_command(*changes, until=until)
    assert str(refusal.value) == sentence
    settings_command(*changes)
    assert RuntimeSettings.objects.get().ends == {}


# A shorter retention


@pytest.fixture
def terminal(monkeypatch):
    """Let somebody sit before the command, and give an answer."""

    def answer(text):
        monkeypatch.setattr("sys.stdin", Mock(isatty=lambda: True))
        monkeypatch.setattr("builtins.input", lambda prompt: text)

    return answer


def confirmations():
    return list(SettingChange.objects.order_by("id").values_list("new", "is_confirmed"))


def test_without_a_terminal_only_yes_confirms_a_shorter_retention(capsys):
    settings_command("event_retention_days=60")
    assert capsys.readouterr().err.startswith("Nobody has confirmed the shorter retention: ")
    settings_command("event_retention_days=60", yes=True)
    settings_command("event_retention_days=90")
    assert confirmations() == [("60", False), ("60", True), ("90", False)]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("text", [" 60", "6_0", "٦٠"])
def test_a_number_in_any_spelling_needs_it(text, capsys):
    settings_command(f"event_retention_days={text}")
    assert capsys.readouterr().err.startswith("Nobody has confirmed the shorter retention: ")
    assert confirmations() == [("60", False)]


def test_a_period_without_end_is_refused_before_anything_is_asked(terminal):
    terminal("yes")
    with pytest.raises(CommandError, match="less than or equal to 36500"):
        settings_command("event_retention_days=999999999")


@pytest.mark.django_db(databases=["default", "analytics"])
def test_on_a_terminal_it_asks_for_confirmation(terminal):
    terminal("no")
    with pytest.raises(CommandError, match=r"^Nothing is changed\.$"):
        settings_command("event_retention_days=60")
    assert not RuntimeSettings.objects.exists()
    terminal("yes")
    out = settings_command("event_retention_days=60")
    assert out.startswith("event_retention_days: 0 → 60. Nothing is older than ")
    assert confirmations() == [("60", True)]


@pytest.mark.parametrize("text", ["TRUE", "True", "1", "yes", " true", "true ", ""])
def test_a_switch_accepts_any_text_and_all_but_true_are_off(text):
    settings_command(f"tracking_enabled={text}")
    assert RuntimeSettings.objects.get().tracking_enabled == text
    assert runtime.current().tracking_enabled is False


@pytest.mark.parametrize("name", RuntimeSettings.names())
def test_every_setting_may_be_named_with_its_prefix(name):
    value = "false" if name in RuntimeSettings.switches() else "7"
    assert settings_command(f"analytics.{name}={value}").startswith(f"{name}: ")
    assert str(getattr(RuntimeSettings.objects.get(), name)) == value


def test_only_true_is_on():
    settings_command("tracking_enabled=false")
    settings_command("tracking_enabled=true")
    assert runtime.current().tracking_enabled is True


def test_an_empty_text_is_shown_as_such():
    settings_command("tracking_enabled=")
    assert settings_command().splitlines()[0].split()[:2] == ["tracking_enabled", "(empty)"]


def test_the_same_value_again_is_no_change():
    assert settings_command("tracking_enabled=true") == "0 changed.\n"
    assert history() == []


AT_LEAST = "Ensure this value is greater than or equal to {}."
AT_MOST = "Ensure this value is less than or equal to {}."


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ("nothing=1", "There is no setting nothing; manage.py settings lists them all."),
        ("analytics.id=2", "There is no setting id; manage.py settings lists them all."),
        ("analytics.=2", "There is no setting ; manage.py settings lists them all."),
        ("id=2", "There is no setting id; manage.py settings lists them all."),
        ("events_enabled", "events_enabled is not of the form name=value."),
        ("max_event_data_bytes=1", f"max_event_data_bytes: {AT_LEAST.format(2)}"),
        ("max_event_data_bytes=1048577", f"max_event_data_bytes: {AT_MOST.format(1048576)}"),
        ("max_event_data_bytes=x", "max_event_data_bytes: “x” value must be an integer."),
        ("max_event_data_bytes=", "max_event_data_bytes: “” value must be an integer."),
        ("max_event_data_bytes=1.5", "max_event_data_bytes: “1.5” value must be an integer."),
        ("event_retention_days=-1", f"event_retention_days: {AT_LEAST.format(0)}"),
        ("event_retention_days=36501", f"event_retention_days: {AT_MOST.format(36500)}"),
        (
            "events_enabled=" + "x" * 17,
            "events_enabled: Ensure this value has at most 16 characters (it has 17).",
        ),
    ],
)
def test_one_invalid_value_changes_nothing(bad, sentence):
    settings_command("platform_enabled=false")
    with pytest.raises(CommandError) as refusal:
        settings_command("tracking_enabled=false", bad)
    assert str(refusal.value) == sentence
    assert RuntimeSettings.objects.get().tracking_enabled == "true"
    assert len(history()) == 1
    settings_command("tracking_enabled=false")
    assert len(history()) == 2
