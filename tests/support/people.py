"""People of whom there is something in every table, and the commands about them"""

import json
from datetime import date
from io import StringIO

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command

from analytics.reports.derived import rollup
from config.models import RuntimeSettings
from tests.support.accounts import PASSWORD
from tests.support.activity import PATH as ACTIVITY
from tests.support.api import Api
from tests.support.collect import PATH as COLLECT
from tests.support.collect import log_in
from tests.support.events import PATH as EVENTS
from tests.support.events import event_of
from tests.support.funnel import PATH as TRACK
from tests.support.platform import PATH as PLATFORM
from tests.support.sessions import PAGE_VIEW, SESSION, page_view_of, session_of, session_path
from websites import tokens
from websites.models import Annotation, Funnel, Goal, Segment, Share, User, Website


class Somebody:
    """A user with something in every table, who is also a visitor of a website of others."""

    def __init__(self, name, visited, **headers):
        self.user = User.objects.create_user(f"{name}@example.com", PASSWORD, name=name.title())
        self.visitor_id = f"visitor-{name}"
        self._name, self._visited, self._headers = name, visited, headers
        self._token = tokens.issue(self.user).access
        self._own_a_website()
        self._be_in_histories()
        self._use_a_product()
        self._visit()

    @property
    def ids(self):
        """Texts that are about this person alone."""
        return {self.user.email, str(self.user.pk), self.user.pk.hex, self.visitor_id, self._name}

    def _own_a_website(self):
        own = Website.objects.create(user=self.user, name=self._name, domain=f"{self._name}.test")
        own.rotate_code()
        Goal.objects.create(website=own, name="g", kind="page", value="/")
        Funnel.objects.create(website=own, name="f", steps=[])
        Segment.objects.create(website=own, name="s", query="country=DE")
        Annotation.objects.create(website=own, day=date(2026, 1, 1), text=f"by {self._name}")
        Share.objects.issue(website=own, name="share")

    def _be_in_histories(self):
        RuntimeSettings.load().change(
            {"max_event_data_bytes": 9_000 + len(self._name)},
            changed_by=self.user.email,
            reasons={"max_event_data_bytes": f"asked by {self.user.email}."},
        )
        for row in (self.user, self.user.websites.get()):
            LogEntry.objects.create(
                user=self.user,
                content_type=ContentType.objects.get_for_model(row),
                object_id=str(row.pk),
                object_repr=str(row),
                action_flag=2,
            )

    def _use_a_product(self):
        browser, token = Api(**self._headers), self._token
        log_in(browser, self.user.email)
        browser.post(COLLECT, {"event_type": "click", "event_data": {"n": 1.10}})
        browser.post(TRACK, {"event": "signup"}, token=token)
        browser.post(PLATFORM, {"event_name": "order"}, token=token)
        browser.post(ACTIVITY, {"type": "frontend_step"}, token=token)
        session = self._session(browser)
        browser.patch(session_path(session, "identify"), token=token)
        browser.post(PAGE_VIEW, page_view_of(session))
        self._session(browser)  # without a name, of the same browser

    def _session(self, browser):
        sent = session_of(visitorId=f"browser-{self._name}")
        return browser.post(SESSION, sent).json()["data"]["id"]

    def _visit(self):
        browser = Api(**self._headers)
        for id in (self.visitor_id, str(self.user.pk), self.user.email):
            sent = event_of(self._visited, sessionId=f"visit-{self._name}-{id[:4]}", visitorId=id)
            browser.post(EVENTS, sent, headers={"Origin": "https://example.com"})
        assert rollup.refresh(self._visited, 60)


def export(*arguments):
    """Return the rows that the command writes, as pairs of table and row."""
    out = StringIO()
    call_command("export_person", *arguments, stdout=out, stderr=StringIO())
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    return [(line["table"], line["row"]) for line in lines]


def count(*arguments):
    """Return what the command would erase, by table."""
    out = StringIO()
    call_command("erase_person", *arguments, stdout=out)
    _, *lines, last = out.getvalue().splitlines()
    found = {line.split()[0]: int(line.split()[1].replace(",", "")) for line in lines}
    assert last == f"{sum(found.values()):,} rows would be erased; --yes erases them."
    return found


def erase(*arguments):
    """Erase; return the receipt."""
    out = StringIO()
    call_command("erase_person", *arguments, "--yes", stdout=out)
    return json.loads(out.getvalue().splitlines()[-1])


def all_rows():
    """Return every row of both databases as text, by table."""
    return {
        model._meta.db_table: sorted(map(repr, model._default_manager.values_list()))
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed
    }


def mentions(texts):
    """Return the tables in which one of some texts occurs."""
    return {
        table
        for table, rows in all_rows().items()
        if any(text in row.lower() for text in texts for row in rows)
    }
