"""The journal in health checks, metrics, the doctor and the admin; starts without the databases"""

import pytest
from django.core.checks import Error, Info, Warning
from django.db import connections

from analytics.events.ingest import TABLE
from analytics.events.models import Event
from analytics.ingest import targets
from analytics.ingest.spool import replay, watching
from analytics.ingest.spool.journal import New
from analytics.ingest.spool.rejected import RejectedRow
from config import runtime
from config.db import availability, last_known
from config.models import RuntimeSettings
from config.server import doctor, serving
from tests.support.api import Api
from tests.support.databases import failing
from tests.support.events import PATH, UNAVAILABLE, WRITE_FAILED, event_of, new_row
from tests.support.processes import wait_until
from tests.support.responses import NO_SPOOL, assert_response
from websites import lookup

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

REJECTED = "/admin/analytics/rejectedrow/"
UP = {"default": "ok", "analytics": "ok"}


@pytest.fixture(autouse=True)
def _unread():
    watching.reset()


def append(journal, *rows):
    journal.append([New("analytics", targets.record(TABLE, rows))])


def doctor_says():
    [check] = [check for check in doctor.checks() if check.name == "spool"]
    [message] = check()
    return type(message), message.msg


# Watching


def test_a_host_that_spools_stays_in_service(api, journal, monkeypatch):
    runtime.current()
    append(journal, new_row(), new_row())
    monkeypatch.setitem(connections.settings["analytics"], "HOST", "/nowhere")
    response = api.get("/health/ready")
    assert response.status_code == 200
    body = response.json()
    assert (body["status"], body["databases"]) == ("degraded", UP | {"analytics": "spooling"})
    assert (body["spool"]["rows"], body["spool"]["oldestSeconds"]) == (2, 0)
    assert body["spool"]["bytes"] > 0
    metrics = api.get("/metrics").content.decode()
    assert "\nmillrace_spool_rows 2.0\n" in metrics
    assert "\nmillrace_spool_files_aside 0.0\n" in metrics


def test_a_host_whose_journal_is_full_is_out_of_service(api, journal, monkeypatch, settings):
    runtime.current()
    settings.SPOOL_BYTES = 1
    append(journal, new_row())
    monkeypatch.setitem(connections.settings["analytics"], "HOST", "/nowhere")
    response = api.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["databases"] == UP | {"analytics": "unavailable"}


def test_the_doctor_tells_of_the_journal(journal, settings):
    assert doctor_says() == (Info, "empty")
    append(journal, new_row())
    assert doctor_says()[0] is Warning
    settings.SPOOL_BYTES = 1
    assert doctor_says()[0] is Error
    settings.SPOOL_BYTES = 0
    assert doctor_says() == (Warning, "off")


def test_the_home_page_shows_what_waits(staff_api, journal):
    append(journal, new_row())
    assert "1 row waits for a database" in staff_api.get("/admin/").content.decode()


def test_rejected_rows_are_stored_again_or_deleted_in_the_admin(staff_api, journal):
    good, bad = new_row(), new_row(event_type="x" * 99)
    append(journal, bad)
    replay.replay()
    row = RejectedRow.objects.get()
    RejectedRow.objects.create(
        id=good.id, rejected_at=row.rejected_at, target="event", reason="It was full.",
        columns=row.columns, data=targets.record(TABLE, [good]).data.decode(),
    )  # fmt: skip
    page = staff_api.get(REJECTED).content.decode()
    assert "It was full." in page
    assert "value too long" in staff_api.get(f"{REJECTED}{row.pk}/change/").content.decode()
    both = {"action": "store_again", "_selected_action": [row.pk, good.id]}
    page = staff_api.post(REJECTED, both, follow=True).content.decode()
    assert "1 stored." in page
    assert "1 are still refused." in page
    assert Event.objects.get().id == good.id
    assert RejectedRow.objects.get() == row
    staff_api.post(REJECTED, {"action": "delete_selected", "_selected_action": [row.pk], "post": 1})
    assert not RejectedRow.objects.exists()


# Starts while the main database is away


def test_a_process_that_never_knew_the_switches_stores_nothing(api, website, journal):
    runtime.reset()
    with failing("default", "the main database is away"):
        assert_response(api.post(PATH, event_of(website)), 503, UNAVAILABLE, WRITE_FAILED)
        assert api.get(PATH, {"trackingCode": website.tracking_code}).status_code != 200
        assert not runtime.current().public_event_reads
    assert not Event.objects.exists()


def test_a_process_goes_on_from_what_the_host_last_knew(api, website, journal, settings):
    RuntimeSettings.objects.create(pk=1, platform_enabled="false")
    runtime.expire()
    assert api.post(PATH, event_of(website)).status_code == 201
    last_known.save()
    runtime.reset()
    lookup.reset()
    with failing("default", "the main database is away"):
        assert not runtime.current().platform_enabled
        assert api.post(PATH, event_of(website))["X-Event-Outcome"] == "stored"
        unknown = event_of(website) | {"trackingCode": "pm-unknown"}
        assert_response(api.post(PATH, unknown), 503, UNAVAILABLE, WRITE_FAILED)


def test_serve_starts_without_a_database_where_it_has_served_before(journal, monkeypatch):
    monkeypatch.setitem(connections.settings["analytics"], "HOST", "/nowhere")
    monkeypatch.setattr(serving, "pending_migrations", lambda alias: away(alias))
    with pytest.raises(serving.ServingError, match="does not answer"):
        serving.require_migrations()
    runtime.current()
    last_known.save()
    assert not serving.require_migrations()


def away(alias):
    with failing(alias, "away"), connections[alias].cursor() as cursor:
        cursor.execute("SELECT 1")


# The circuit breaker


@pytest.mark.django_db(databases=["default", "analytics"], transaction=True)
def test_a_database_is_away_until_a_probe_commits(website, journal, monkeypatch):
    api = Api()
    assert api.post(PATH, event_of(website))["X-Event-Outcome"] == "stored"
    availability.watch()
    with monkeypatch.context() as patch:
        patch.setattr(availability, "PROBE", "SELECT 1 / 0")
        availability.suspect("analytics")
        wait_until(lambda: availability.is_away("analytics"))
        response = api.post(PATH, event_of(website))
        assert (response.status_code, response["X-Event-Outcome"]) == (201, "spooled")
        assert api.get(PATH, {"trackingCode": website.tracking_code}).status_code == 503
        activity = api.post("/api/v1/activity/events", {"type": "click"})  # without its salt
        assert activity["X-Event-Outcome"] == "spooled"
    wait_until(lambda: not availability.is_away("analytics"))
    assert api.post(PATH, event_of(website))["X-Event-Outcome"] == "stored"
    assert replay.replay().stored == 2
    assert Event.objects.count() == 3
    assert api.get("/health/ready").json()["spool"] == NO_SPOOL
