"""`manage.py export_person` and `erase_person`"""

import json
import re
from collections import Counter
from io import StringIO

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session as LoginSession
from django.core.checks import Info, Warning
from django.core.management import CommandError, call_command

from analytics.events.models import Event
from analytics.ingest.spool.rejected import RejectedRow
from analytics.reports.derived import rollup, rollup_runs
from analytics.reports.derived.rollup_models import EventFloor
from analytics.reports.derived.sealed_models import SealedDay
from analytics.reports.models import WebsiteSession, WebsiteVisitor
from analytics.sessions.models import Session
from analytics.streams import deletion
from config.db import uuid7
from config.models import SettingChange
from config.server import doctor
from tests.support.events import AT_MS, PATH, event_of, store_event
from tests.support.people import Somebody, all_rows, count, erase, export, mentions
from websites import accounts
from websites.models import ErasureRequest, User

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])


@pytest.fixture
def jane(website):
    return Somebody("jane", website)


# Everything, of everybody


def test_an_account_is_exported_counted_and_erased_by_the_same_queries(website, jane, clock):
    Somebody("janet", website)  # some of whose ids begin like hers
    strangers = {id: mentions({id}) for id in ("janet@example.com", "visitor-janet")}
    exported = Counter(table for table, _ in export(jane.user.email))
    counted = count(jane.user.email)
    assert exported == counted
    assert counted.keys() >= {
        *("websites_user", "websites_website", "websites_retiredcode", "websites_goal"),
        *(
            "websites_funnel",
            "websites_segment",
            "websites_share",
            "websites_annotation",
            "config_settingchange",
        ),
        *("django_admin_log", "django_session", "analytics_funnelevent", "analytics_session"),
        *("analytics_pageview", "analytics_collectedevent", "analytics_platformevent"),
        *("activity_events", "analytics_event", "analytics_clientcontext"),
        *("analytics_websitesession", "analytics_websitevisitor"),
    }
    assert counted["analytics_session"] == 2
    receipt = erase(jane.user.email)
    assert receipt["rows"] == counted
    assert receipt["total"] == sum(counted.values())
    assert not jane.ids & set(re.split(r"[^\w@.-]", json.dumps(receipt)))
    assert re.fullmatch("[0-9a-f]{64}", receipt["hash"])
    clock.move(minutes=1)  # no request of hers is at work any more
    erase(str(jane.user.pk))  # under which another website knows her
    assert erase(jane.visitor_id)["rows"]["analytics_event"] == 1
    assert rollup.refresh(website, 60)
    assert mentions({"jane@", jane.visitor_id + "'", str(jane.user.pk), "jane.test"}) == set()
    assert {id: mentions({id}) for id in strangers} == strangers
    for each in (jane.user.email, str(jane.user.pk), jane.visitor_id):
        assert (export(each), count(each), erase(each)["total"]) == ([], {}, 0)


def test_login_sessions_go_whose_signature_is_good_no_more(jane, settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", []
    LoginSession.objects.create(session_key="broken", session_data=".x:y", expire_date=uuid7.now())
    assert erase(jane.user.email)["rows"]["django_session"] == 1
    assert LoginSession.objects.get().session_key == "broken"


def test_histories_stay_without_the_name(jane):
    entries, changes = LogEntry.objects.count(), SettingChange.objects.count()
    erase(jane.user.email)
    assert set(LogEntry.objects.values_list("user__email", "object_repr", "object_id")) == {
        ("nobody@localhost", "deleted user", None)
    }
    assert (LogEntry.objects.count(), SettingChange.objects.count()) == (entries, changes)
    [change] = SettingChange.objects.filter(changed_by="deleted user")
    assert change.reason == "asked by deleted user."
    assert not User.objects.get(email="nobody@localhost").is_active
    with pytest.raises(CommandError, match="stands for deleted users"):
        erase("nobody@localhost")


def test_an_email_that_is_a_part_of_another_names_one_person(jane, make_user):
    longer = ("xjane@example.com", "jane@example.com.test", "jane@example.community")
    SettingChange.objects.bulk_create(SettingChange(name="x", changed_by=each) for each in longer)
    before = count(jane.user.email)["config_settingchange"]
    erase(jane.user.email)
    assert before == 1
    assert set(SettingChange.objects.filter(name="x").values_list("changed_by", flat=True)) == {
        *longer
    }


def test_no_secret_is_exported_and_every_digit_is(jane):
    rows = export(jane.user.email)
    names = {name for _, row in rows for name in row}
    assert not names & {"password", "api_key_hash", "token_hash", "session_key", "session_data"}
    [click] = [row for table, row in rows if table == "analytics_collectedevent"]
    assert click["event_data"] == {"n": 1.1}


def test_a_file_is_for_its_owner_alone_and_never_overwritten(jane, tmp_path):
    file = tmp_path / "jane.jsonl"
    out = StringIO()
    call_command("export_person", jane.user.email, output=str(file), stdout=out, stderr=out)
    assert len(file.read_text().splitlines()) == len(export(jane.user.email))
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(CommandError, match="File exists"):
        call_command("export_person", jane.user.email, output=str(file), stdout=out, stderr=out)


@pytest.mark.parametrize("command", ["export_person", "erase_person"])
@pytest.mark.parametrize("arguments", [[""], ["a\0b"], ["\ud800"], ["x", "--website", "y"]])
def test_who_can_be_no_person_is_refused(command, arguments):
    with pytest.raises(CommandError):
        call_command(command, *arguments, stdout=StringIO(), stderr=StringIO())


def test_of_an_unknown_person_there_is_nothing(jane):
    before = all_rows()
    for text in ("nobody", "' OR 1=1 --", "x@y", "é" * 300, str(uuid7.new_id_now())):
        assert (export(text), count(text), erase(text)["total"]) == ([], {}, 0)
    assert all_rows() == before


def test_the_last_administrator_stays(make_user):
    make_user("admin@example.com", is_superuser=True)
    with pytest.raises(CommandError, match="only administrator"):
        erase("admin@example.com")
    assert User.objects.filter(email="admin@example.com").exists()


# Visitors


def test_a_visitor_may_be_erased_at_one_website_alone(api, website, make_website, user):
    other = make_website(user, domain="other.example")
    for each in (website, other):
        api.post(PATH, event_of(each, visitorId="v"))
    assert count("v", "--website", str(other.pk)) == {"analytics_event": 1}
    erase("v", "--website", str(other.pk))
    assert Event.objects.get().website_id == website.pk


def test_rejected_rows_go_too(website):
    row = ["1", str(website.pk), 'é"\\']
    for data in (json.dumps(row, ensure_ascii=False), json.dumps(["1", 'xé"\\'])):
        RejectedRow.objects.create(
            id=uuid7.new_id_now(), rejected_at=uuid7.now(), target="t", data=data
        )
    assert [line["data"] for _, line in export('é"\\')] == [json.dumps(row, ensure_ascii=False)]
    assert count('é"\\', "--website", str(uuid7.new_id_now())) == {}
    assert erase('é"\\', "--website", str(website.pk))["rows"] == {"analytics_rejectedrow": 1}
    assert RejectedRow.objects.count() == 1


def test_a_session_of_track_stands_for_its_visitor(jane):
    session = Session.objects.get(user_id=jane.user.pk)
    counted = count(str(session.pk))
    assert (counted["analytics_session"], counted["analytics_pageview"]) == (2, 1)
    erase(str(session.pk))
    assert not Session.objects.exists()
    assert User.objects.filter(pk=jane.user.pk).exists()


def test_a_session_with_a_part_of_others_keeps_it(api, website):
    for visitor in ("a", "b"):
        api.post(PATH, event_of(website, visitorId=visitor, url=f"https://example.com/{visitor}"))
    assert rollup.refresh(website, 60)
    [row] = [row for table, row in export("a") if table == "analytics_websitesession"]
    assert row["hit_pages"] == ["/a"]
    erase("a")
    assert rollup.refresh(website, 60)
    session = WebsiteSession.objects.get()
    assert (session.hit_pages, session.page_views) == (["/b"], 1)
    assert [each.visitor_id for each in WebsiteVisitor.objects.all()] == ["b"]


def test_sessions_go_that_are_kept_longer_than_their_events(website):
    for visitor in ("a", "b"):
        store_event(website_id=website.pk, visitor_id=visitor, session_id=visitor)
    rollup.rebuild(website.pk)
    assert rollup.refresh(website, 60)
    day = uuid7.from_ms(AT_MS).date()
    SealedDay.objects.create(website_id=website.pk, day=day, timezone="UTC")
    Event.objects.all().delete()  # as retention does, which leaves no marks but the floor
    EventFloor.raise_to(uuid7.next_after(uuid7.new_id(AT_MS + 1000)))
    assert rollup.refresh(website, 60)
    assert erase("a")["rows"] == {"analytics_websitesession": 1, "analytics_websitevisitor": 1}
    assert [each.session_id for each in WebsiteSession.objects.all()] == ["b"]
    assert not SealedDay.objects.exists()


def test_many_rows_go_in_several_rounds_and_what_is_stopped_goes_on(website, monkeypatch):
    monkeypatch.setattr(deletion, "BATCH_ROWS", 2)
    monkeypatch.setattr(deletion, "ROUND_ROWS", 4)
    for number in range(9):
        store_event(AT_MS + number, website_id=website.pk, visitor_id="v")
    with monkeypatch.context() as patch:
        patch.setattr("config.server.console.tqdm.update", _stop, raising=False)
        with pytest.raises(CommandError, match="Stopped"):
            erase("v")
    assert Event.objects.count() == 7
    assert erase("v")["rows"] == {"analytics_event": 7}


def _stop(self, rows):
    raise KeyboardInterrupt


# Deletion of accounts in the admin


@pytest.fixture
def delete(staff_api):
    """Delete users in the admin, one on its page or several in the list."""

    def send(*users):
        if len(users) == 1:
            path = f"/admin/websites/user/{users[0].pk}/delete/"
            assert staff_api.get(path).status_code == 200
            return staff_api.post(path, {"post": "yes"})
        form = {
            "action": "delete_selected",
            "_selected_action": [str(user.pk) for user in users],
            "post": "yes",
        }
        return staff_api.post("/admin/websites/user/", form)

    return send


def test_deleting_in_the_admin_erases_all_of_it_within_minutes(jane, delete, api, clock, caplog):
    caplog.set_level("INFO", "analytics.people")
    assert delete(jane.user).status_code == 302
    login = {"email": jane.user.email, "password": "SecurePass123"}
    assert api.post("/api/v1/auth/login", login).status_code == 401
    assert api.post("/api/v1/auth/register", login).status_code == 201  # the email is free
    assert mentions({"jane.test", "visitor-jane"}) <= {
        "analytics_event",
        "analytics_websitevisitor",
    }
    call_command("maintenance")
    assert ErasureRequest.objects.count() == 1  # a request of hers may be at work yet
    clock.move(minutes=1)
    for _ in range(2):
        call_command("maintenance")
    assert not ErasureRequest.objects.exists()
    gone = {str(jane.user.pk), jane.user.pk.hex}
    paths = {"activity_events"}  # of the request to delete her, in the log of requests
    assert mentions(gone) <= paths
    [message] = [each for each in caplog.messages if each.startswith("An account is erased: ")]
    receipt = json.loads(message.partition(": ")[2])
    assert receipt["rows"]["analytics_platformevent"] == 1
    assert not any(id in message for id in gone)


def test_serve_erases_beside_the_rollup(jane, clock):
    accounts.delete(jane.user)
    clock.move(minutes=1)
    passes = []

    def pause(seconds):
        passes.append(seconds)
        if len(passes) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rollup_runs.run_forever(pause)
    assert not ErasureRequest.objects.exists()
    assert mentions({str(jane.user.pk)}) == set()


def test_an_account_of_many_events_is_closed_at_once(jane, delete, staff_api, monkeypatch, clock):
    monkeypatch.setattr("websites.accounts.remove", lambda user_id, **options: False)
    delete(jane.user)
    closed = User.objects.get(pk=jane.user.pk)
    assert (closed.email, closed.name, closed.is_active) == (f"{closed.pk}@localhost", None, False)
    assert not closed.has_usable_password()
    assert not closed.websites.exists()
    listed = staff_api.get("/admin/websites/user/").content.decode()
    assert "@localhost" not in listed
    home_page = staff_api.get("/admin/").content.decode()
    assert "1 to be erased, the first since" in home_page
    [check] = [each for each in doctor.checks() if each.name == "deleted accounts"]
    for minutes, level in ((0, Info), (11, Warning)):
        clock.move(minutes=minutes)
        [message] = check()
        assert (type(message), message.msg[:25]) == (level, "1 wait to be erased since")


def test_an_account_that_cannot_be_removed_waits_on(jane, monkeypatch, clock):
    with monkeypatch.context() as patch:
        patch.setattr("websites.accounts.remove", lambda user_id, **options: False)
        accounts.delete(jane.user)
        clock.move(minutes=1)
        assert "websites_user" not in erase(str(jane.user.pk))["rows"]
    assert ErasureRequest.objects.filter(user_id=jane.user.pk).exists()
    assert erase(str(jane.user.pk))["rows"] == {"websites_user": 1}
    assert not ErasureRequest.objects.exists()


def test_several_accounts_and_never_the_last_administrator(make_user, delete):
    users = [make_user(f"{name}@example.com") for name in "ab"]
    assert delete(*users).status_code == 302
    assert [user.email for user in User.objects.all()] == ["staff@example.com"]
    last, second = User.objects.get(), make_user("second@example.com", is_superuser=True)
    for admins in ([last, second], [second], [last]):
        delete(*admins)
    assert [user.email for user in User.objects.all()] == ["staff@example.com"]


# What names people

DECIDED = {
    # An account and what belongs to it: websites/account_records.py.
    "websites_user": {"email", "name", "last_login"},
    "websites_website": {"user_id"},
    "websites_user_groups": {"user_id"},
    "websites_user_user_permissions": {"user_id"},
    "django_admin_log": {"user_id"},
    "django_session": {"session_key", "session_data"},
    "config_settingchange": {"changed_by"},
    # The id of a deleted account, until its events are gone: websites/erasure_requests.py.
    "websites_erasurerequest": {"user_id"},
    # Streams: `rows_of` of each.
    "analytics_event": {"session_id", "visitor_id"},
    "analytics_clientcontext": {"session_id"},
    "analytics_funnelevent": {"user_id", "session_id"},
    "analytics_session": {"visitor_hash", "user_id"},
    "analytics_pageview": {"session_id"},
    "analytics_collectedevent": {"user_id", "ip_hash"},
    "analytics_platformevent": {"user_id", "session_id", "user_agent", "client_id"},
    "activity_events": {"user_id", "session_id"},
    # Rows of all streams as JSON: analytics/people/rejected.py.
    "analytics_rejectedrow": {"data"},
    # What is derived of events: analytics/reports/derived/visitor_erasure.py, and by the marks.
    "analytics_websitesession": {"visitor", "session_id", "hit_visitors"},
    "analytics_websitevisitor": {"visitor_id"},
    "analytics_dirtyrange": {"session_id"},
    "analytics_heavysession": {"session_id"},
    # Deleted with the day or the hour, as soon as a session of it is.
    "analytics_daycolumn": {"data"},
    "analytics_hourcolumn": {"data"},
    "analytics_breakdown": {"data"},  # numbers of people only
    "token_blacklist_outstandingtoken": {"user_id"},  # always null
}
PERSONAL = re.compile(
    r"^data$|user|visitor|email|session|_by$|^ip_|_ip$|address|phone|person|client_id"
)
NOTHING = {
    *("websites_goal", "websites_funnel", "websites_segment", "websites_share"),
    # What an owner writes; it goes with the website.
    "websites_annotation",
    *("websites_retiredcode", "config_runtimesettings", "config_dailysalt", "config_tally"),
    *("analytics_maintenancerun", "analytics_maintenancefailure", "analytics_platformtotal"),
    *("analytics_platformhour", "analytics_eventtotal", "analytics_eventfloor"),
    *("analytics_websiterules", "analytics_rollupcheck", "analytics_sealedday"),
    *("analytics_sealedhour", "analytics_sealedweek"),
    *("analytics_appliedretention", "websites_deletedwebsite"),
    *("analytics_visitorset", "auth_permission", "auth_group", "auth_group_permissions"),
    *("django_content_type", "token_blacklist_blacklistedtoken"),
}


def test_it_is_decided_of_every_column_whether_it_names_a_person():
    found = {}
    for model in apps.get_models(include_auto_created=True):
        columns = {str(field.column) for field in model._meta.concrete_fields}
        found[model._meta.db_table] = {name for name in columns if PERSONAL.search(name)}
    switches = {"session_retention_days"}
    decided = {table: {*names} for table, names in DECIDED.items()}
    assert decided["websites_user"] - found["websites_user"] == {"name", "last_login"}
    decided["websites_user"] = found["websites_user"] | {"email"}
    assert {table: names for table, names in found.items() if names - switches} == {
        table: names & found[table] for table, names in decided.items()
    }
    assert found.keys() == DECIDED.keys() | NOTHING


# User-Agents


def test_a_user_agent_is_kept_where_the_contract_says_so_alone(website):
    Somebody("anna", website, HTTP_USER_AGENT="Mozilla/5.0 (X11; Linux x86_64) Unique/7.7 (anna b)")
    assert mentions({"anna b"}) == {"analytics_platformevent", "activity_events"}
