"""`manage.py harden`, the checks of the doctor that follow it, and who names it"""

import builtins
from datetime import UTC, datetime
from io import StringIO
from types import SimpleNamespace

import pytest
from django.core.checks import Error, Info, Warning
from django.core.management import CommandError, call_command

from config import runtime
from config.models import RuntimeSettings, SettingChange
from config.runtime import hardening
from config.server import doctor
from tests.support.runtime_settings import change_settings

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

ENVIRONMENT = (
    "API_DOCS=false REQUIRE_HTTPS=true QUOTA_WEBSITE_EVENTS=1000000 QUOTA_ACTIVITY_EVENTS=10000"
)
HARDENED = {
    "registration_enabled": "false",
    "public_event_reads": "false",
    "platform_stats_public": "false",
    "event_retention_days": 90,
    "session_retention_days": 90,
    "activity_retention_days": 90,
    "platform_retention_days": 90,
    "track_retention_days": 400,
    "statistics_retention_days": 400,
}


def harden(**options):
    out = StringIO()
    call_command("harden", stdout=out, **options)
    return out.getvalue().splitlines()


def stored():
    row = RuntimeSettings.load()
    return {name: getattr(row, name) for name in HARDENED}


def states(*names):
    """Return the levels of some checks of the doctor."""
    found = {check.name: check()[0] for check in doctor.checks() if check.name in names}
    return [type(found[name]) for name in names]


def test_it_sets_what_a_company_would_and_shows_it_before_and_after():
    assert runtime.current().registration_enabled
    lines = harden(yes=True)
    rows = [line.split() for line in lines[: len(HARDENED)]]
    assert [(name, after) for name, _, _, after in rows] == [
        (name, str(value)) for name, value in HARDENED.items()
    ]
    assert rows[0] == ["registration_enabled", "true", "→", "false"]
    assert rows[3] == ["event_retention_days", "0", "→", "90"]
    assert lines[-2:] == [ENVIRONMENT, "9 changed."]
    assert stored() == HARDENED
    assert not runtime.current().registration_enabled
    history = SettingChange.objects.all()
    assert {change.reason for change in history} == {"manage.py harden"}
    confirmed = {change.name for change in history if change.is_confirmed}
    assert confirmed == {name for name in HARDENED if name.endswith("_retention_days")}
    assert harden()[-1] == "0 changed."


def test_a_dry_run_changes_nothing_and_shows_the_same():
    dry = harden(dry_run=True)
    assert dry[-1] == "9 would be changed."
    assert not RuntimeSettings.objects.exists()
    assert harden(yes=True)[:-1] == dry[:-1]


@pytest.mark.parametrize(
    ("answer", "message"),
    [("n", "Nothing was changed."), ("", "Nothing was changed."), (EOFError(), "pass --yes")],
)
def test_only_who_agrees_changes_something(monkeypatch, answer, message):
    def respond(question):
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(builtins, "input", respond)
    with pytest.raises(CommandError, match=message):
        harden()
    assert not RuntimeSettings.objects.exists()
    monkeypatch.setattr(builtins, "input", lambda question: "y")
    assert harden()[-1] == "9 changed."


def test_what_is_stricter_stays():
    change_settings(public_event_reads="", event_retention_days=30, track_retention_days=500)
    assert harden(yes=True)[-1] == "7 changed."
    stricter = {"public_event_reads": "", "event_retention_days": 30}
    assert stored() == HARDENED | stricter


def test_what_would_open_by_itself_is_closed_for_good():
    end = datetime(9998, 1, 1, tzinfo=UTC)
    row = RuntimeSettings.load()
    row.change({"public_event_reads": "false"}, changed_by="ops", ends={"public_event_reads": end})
    lines = harden(yes=True)
    assert lines[1].split() == (
        ["public_event_reads", "false", "until", "9998-01-01", "00:00", "UTC", "→", "false"]
    )
    assert lines[-1] == "9 changed."
    assert RuntimeSettings.load().ends == {}
    assert harden()[-1] == "0 changed."


def test_the_doctor_fails_on_what_is_open_in_production_alone(settings):
    names = [*hardening.SWITCHED_OFF, "API_DOCS", "REQUIRE_HTTPS"]
    assert states(*names, "kept for ever") == [Error] * 5 + [Warning]
    settings.EMBEDDED = True
    assert states(*names, "kept for ever") == [Info] * 6
    settings.EMBEDDED = False
    settings.API_DOCS, settings.REQUIRE_HTTPS = False, True
    harden(yes=True)
    assert states(*names, "kept for ever") == [Info] * 6
    change_settings(platform_retention_days=0)
    assert states("kept for ever") == [Warning]


@pytest.mark.parametrize(
    ("made", "changed", "is_named"),
    [
        ("0001_initial", {}, True),
        ("0002_daily_salts", {}, False),
        ("0001_initial", {"using": "analytics"}, False),
        ("0001_initial", {"verbosity": 0}, False),
    ],
)
def test_the_first_migrate_names_it(made, changed, is_named):
    out = StringIO()
    plan = [(SimpleNamespace(app_label="config", name=made), False)]
    usual = {"using": "default", "plan": plan, "verbosity": 1, "stdout": out}
    hardening.announce(**usual | changed)
    assert ("manage.py harden" in out.getvalue()) == is_named
