"""Rows go with a website that was deleted; those of one that is merely not there stay"""

import logging
import re

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction
from django.test import Client

from analytics.events.models import ClientContext, Event
from analytics.reports.derived import rollup, rollup_runs
from analytics.reports.derived.rollup_models import DirtyRange
from analytics.reports.models import EventTotal, WebsiteSession, WebsiteVisitor
from config.db import uuid7
from config.server import doctor
from tests.support.accounts import PASSWORD
from tests.support.client_contexts import BROWSER
from tests.support.events import PATH, event_of
from tests.support.retention import run_retention, table_line, warnings_of_retention
from websites.models import DeletedWebsite, User, Website

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

OF_WEBSITES = (Event, ClientContext, WebsiteSession, WebsiteVisitor, EventTotal, DirtyRange)


@pytest.fixture
def visited(api, website):
    """The website with an event that is rolled up, and one that is not."""
    api.post(PATH, event_of(website), headers=BROWSER)
    assert rollup.refresh(website, 10)
    api.post(PATH, event_of(website), headers=BROWSER)
    return website


def restore_backup_without(*websites):
    """Leave the main database as a restore of a backup does that is older than these websites."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # no trigger sees it
        for website in websites:
            cursor.execute("DELETE FROM websites_website WHERE id = %s", [website.pk])
        cursor.execute("SET LOCAL session_replication_role = origin")


def counts(website):
    """Return how many rows each table has of a website."""
    return [model.objects.filter(website_id=website.pk).count() for model in OF_WEBSITES]


def logged_in(user):
    client = Client()
    client.force_login(user)
    return client


def by_api(api, website, token):
    assert api.delete(f"/api/v1/websites/{website.pk}", token=token).status_code == 200


def on_the_page(api, website, token):
    form = {"action": "delete", "name": website.name}
    logged_in(website.user).post(f"/websites/{website.pk}/change/", form)


def with_the_account(api, website, token):
    logged_in(website.user).post("/accounts/delete/", {"password": PASSWORD})


def in_the_admin(api, website, token):
    staff = User.objects.create_superuser("staff@example.com", PASSWORD)
    action = {"action": "delete_selected", "_selected_action": str(website.pk), "post": "yes"}
    logged_in(staff).post("/admin/websites/website/", action)


def by_sql(api, website, token):
    with connections["default"].cursor() as cursor:
        cursor.execute("DELETE FROM websites_website WHERE id = %s", [website.pk])


def by_a_query(api, website, token):
    Website.objects.filter(pk=website.pk).delete()


@pytest.mark.parametrize(
    "delete", [by_api, on_the_page, with_the_account, in_the_admin, by_a_query, by_sql]
)
def test_whatever_deletes_a_website_its_rows_go(api, website, token, delete):
    api.post(PATH, event_of(website))
    delete(api, website, token)
    assert not Website.objects.exists()
    assert DeletedWebsite.objects.get().pk == website.pk
    assert table_line("event", run_retention("--dry-run")) == (1, 0, 1)
    assert table_line("event", run_retention()) == (1, 0, 1)
    assert not Event.objects.exists()


def test_a_deletion_that_is_rolled_back_is_none(visited):
    with transaction.atomic(using="default"):
        visited.delete()
        transaction.set_rollback(True, using="default")
    assert not DeletedWebsite.objects.exists()


def test_of_a_deleted_website_nothing_is_left(visited):
    visited.delete()
    run_retention()
    assert counts(visited) == [0] * len(OF_WEBSITES)
    assert warnings_of_retention() == []


# A restored main database


def test_a_restored_main_database_loses_no_rows_of_newer_websites(
    api, visited, make_website, user, caplog
):
    other = make_website(user, "other.example")
    api.post(PATH, event_of(other))
    before = counts(visited), counts(other)
    assert 0 not in before[0]
    restore_backup_without(visited, other)
    with caplog.at_level(logging.WARNING):
        call_command("maintenance")
    lines = run_retention()
    [warning] = warnings_of_retention()
    list(rollup_runs.roll_up_due(rollup_runs.due_websites()))
    assert (counts(visited), counts(other)) == before
    assert table_line("event", lines) == (0, 0, 0)
    assert warning.startswith("Rows of 2 websites are kept, which the main database neither has ")
    assert all(str(site.pk) in warning for site in (visited, other))
    assert [each.getMessage() for each in caplog.records] == [f"retention: {warning}"]


def test_a_website_that_comes_back_has_all_of_its_statistics(visited):
    restore_backup_without(visited)
    list(rollup_runs.roll_up_due(rollup_runs.due_websites()))
    visited.save(force_insert=True)
    assert rollup.refresh(visited, 10)
    assert WebsiteSession.objects.get().page_views == 2
    assert warnings_of_retention() == []


def test_a_deleted_website_that_was_restored_keeps_its_rows(visited):
    before = counts(visited)
    id = visited.pk
    visited.delete()
    visited.pk = id
    visited.save(force_insert=True)
    run_retention()
    assert counts(visited) == before


def test_a_main_database_that_knows_nobody_deletes_nothing(visited, user):
    restore_backup_without(visited)
    user.delete()
    run_retention()
    assert Event.objects.count() == 2


def test_the_doctor_names_unknown_websites(visited):
    [check] = [check for check in doctor.checks() if check.name == "unknown websites"]
    assert check()[0].msg == "no rows are of one"
    restore_backup_without(visited)
    assert check()[0].msg == f"rows of {visited.pk} are kept"


# Websites that an older version deleted


def test_a_deletion_can_be_recorded_by_hand(visited):
    restore_backup_without(visited)
    [line] = run_retention("--deleted-website", str(visited.pk), "--dry-run")
    assert line == "1 would be recorded as deleted."
    assert not DeletedWebsite.objects.exists()
    [line] = run_retention("--deleted-website", str(visited.pk).upper())
    assert line == "1 recorded as deleted; the next run deletes their rows."
    assert Event.objects.count() == 2
    assert table_line("event", run_retention("--dry-run")) == (2, 0, 1)
    run_retention()
    assert counts(visited) == [0] * len(OF_WEBSITES)


def test_only_the_deletion_of_an_unknown_website_with_rows_can_be_recorded(visited):
    ids = [str(visited.pk), str(uuid7.new_id_now()), "all", ""]
    restored = counts(visited)
    for id in ids:
        sentence = f"{id} is no website with rows that the main database does not know."
        with pytest.raises(CommandError, match=f"^{re.escape(sentence)}$"):
            run_retention("--deleted-website", id)
    assert not DeletedWebsite.objects.exists()
    run_retention()
    assert counts(visited) == restored
