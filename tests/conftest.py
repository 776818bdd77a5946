"""Fixtures that all tests share."""

import time

import jwt
import pytest
from django.core.cache import cache
from django.db import connections
from django.test import Client, override_settings
from hypothesis import HealthCheck, settings

from activity import attribution, recorder
from analytics.events import client_contexts
from analytics.ingest import background, writer
from analytics.ingest.group_writer import GroupWriter
from analytics.ingest.spool import spooling
from analytics.reports.derived import rollup_status
from analytics.sessions import visitors
from analytics.streams import table_metrics
from config import runtime
from config.api import address_hash, fail_open, outcome_counts
from config.db import availability, replica
from config.server import disk_guard, health, migration_metrics, replica_watch
from tests.support import citus
from tests.support.accounts import PASSWORD
from tests.support.api import Api
from tests.support.cleanup import sql_flush
from tests.support.clock import still_clock
from tests.support.databases import connect_to_analytics, failing
from tests.support.inline_writer import InlineBackground, InlineWriter, store_what_is_asked_for
from tests.support.openapi import assert_described
from tests.support.postgres_server import Postgres
from tests.support.processes import temporary_directory
from tests.support.server import production_environment
from tests.support.writer import OtherProcess
from websites import background_mail, lookup, sessions, tokens
from websites.models import User, Website

# On a busy machine an example may take long, and nothing is wrong with it.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Let tests in a browser come first, by folder: one worker then starts what they need."""
    items.sort(key=_place_of)


def _place_of(item):
    is_shown = "tracked_world" in getattr(item, "fixturenames", ())
    return not is_shown, item.path.parent.as_posix() if is_shown else ""


@pytest.fixture(scope="session", autouse=True)
def _fast_settings():
    """Hash passwords cheaply, and find static files when they are requested.

    WhiteNoise would look for all of them whenever a client sends its first request.
    """
    hashers = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with override_settings(PASSWORD_HASHERS=hashers, WHITENOISE_AUTOREFRESH=True):
        yield


@pytest.fixture(scope="session", autouse=True)
def _quick_flush():
    """Let the flush after each test with real transactions keep what only migrations make.

    Making content types, permissions and groups anew would take most of its time.
    """
    command = "django.core.management.commands.flush."
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command + "sql_flush", sql_flush)
        patch.setattr(command + "emit_post_migrate_signal", lambda *given, **named: None)
        yield


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings):
    """Let the analytics database be made for tests that use it alone."""
    connections["analytics"].settings_dict["TEST"]["DEPENDENCIES"] = []


if citus.URL:

    @pytest.fixture(scope="session")
    def django_db_setup(django_db_setup, django_db_blocker):
        """Run the whole suite with its analytics database on the cluster."""
        with django_db_blocker.unblock():
            citus.distribute_test_database()
        yield
        citus.drop_on_workers(connections["analytics"].settings_dict["NAME"])


@pytest.fixture(autouse=True)
def _empty_caches():
    """Empty the caches of the process before each test; let no mail come after it."""
    cache.clear()
    fail_open.reset()
    runtime.reset()
    lookup.reset()
    tokens.reset()
    sessions.reset()
    visitors.reset()
    client_contexts.reset()
    address_hash.reset()
    attribution.reset()
    recorder.reset()
    table_metrics.reset()
    rollup_status.reset()
    migration_metrics.reset()
    outcome_counts.reset()
    availability.reset()
    replica.reset()
    replica_watch.reset()
    spooling.reset()
    disk_guard.reset()
    yield
    background_mail.wait()


@pytest.fixture(autouse=True)
def _writer(request):
    """Write in the test's own transaction; tests with real ones have the real writer's thread."""
    marker = request.node.get_closest_marker("django_db")
    is_real = bool(marker and marker.kwargs.get("transaction"))
    is_real = is_real or bool({"transactional_db", "live_server"} & set(request.fixturenames))
    writer.reset(GroupWriter if is_real else InlineWriter)
    background.reset(background.BackgroundWriter if is_real else InlineBackground)
    with connections["analytics"].execute_wrapper(store_what_is_asked_for):
        yield
    # A thread's connection would keep the database from being dropped.
    health.reset()
    writer.reset(InlineWriter)
    background.reset(InlineBackground)


@pytest.fixture
def make_process():
    """Start the writers of another process."""
    started = []

    def make():
        started.append(OtherProcess())
        return started[-1]

    yield make
    for each in started:
        each.stop()


@pytest.fixture(autouse=True)
def _responses_are_described(monkeypatch):
    """Compare every response in tests with the description of the API."""
    send = Client.request

    def request(self, **environ):
        response = send(self, **environ)
        assert_described(response)
        return response

    monkeypatch.setattr(Client, "request", request)


@pytest.fixture
def api():
    """A client of the APIs."""
    return Api()


@pytest.fixture
def make_user(db):
    """Store a user whose password is PASSWORD."""

    def make(email="user@example.com", **fields):
        return User.objects.create_user(email, PASSWORD, **fields)

    return make


@pytest.fixture
def user(make_user):
    return make_user(name="John Doe")


@pytest.fixture
def token(user):
    """An access token of the user."""
    return tokens.issue(user).access


@pytest.fixture
def make_website(db):
    """Store a website."""

    def make(user, domain="example.com", **fields):
        return Website.objects.create(user=user, domain=domain, **{"name": "My Website"} | fields)

    return make


@pytest.fixture
def website(make_website, user):
    return make_website(user)


@pytest.fixture
def staff_api(make_user):
    """A client that is logged in to the admin as staff@example.com, who may do everything."""
    client = Client()
    client.force_login(make_user("staff@example.com", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def unrecorded(settings):
    """Let the recorder pass every request by, so that only its own queries count."""
    settings.ACTIVITY_EXCLUDE_PATHS = ["/"]


@pytest.fixture
def clock():
    """The clock of the process, which stands still until the test moves it."""
    with still_clock() as clock:
        yield clock


@pytest.fixture
def forge(user, settings):
    """Sign an access token of the user with some claims changed."""

    def sign(*, key=None, algorithm="HS256", **changed):
        now = int(time.time())
        claims = {
            "user_id": str(user.id),
            "sub": str(user.id),
            "email": user.email,
            "jti": "0123456789abcdef",
            "iat": now,
            "exp": now + 60,
            "token_type": "access",
        }
        claims = {name: value for name, value in (claims | changed).items() if value != "absent"}
        key = None if algorithm == "none" else key or settings.TOKEN_KEYS[0]
        return jwt.encode(claims, key, algorithm)

    return sign


@pytest.fixture
def postgres():
    """A PostgreSQL as the first run has it, which does not end with the server that uses it."""
    with temporary_directory() as var_dir, Postgres(var_dir) as postgres:
        yield postgres


@pytest.fixture
def environment(postgres):
    """The environment of a server in production on that PostgreSQL."""
    with temporary_directory() as var_dir:
        yield production_environment(
            var_dir, main_url=postgres.main_url, analytics_url=postgres.analytics_url
        )


@pytest.fixture
def main_database_away(db):
    """Let every statement in the main database fail from now on, as without a server.

    The process has been at work before, and so knows the switches.
    """
    runtime.current()
    with failing("default", "the main database is away"):
        yield


@pytest.fixture
def analytics_away():
    """Let every statement in the analytics database fail, as without a server."""
    with failing("analytics", "the analytics database is away"):
        yield


@pytest.fixture
def journal(settings, tmp_path):
    """The journal of a host of its own, empty."""
    settings.VAR_DIR, settings.SPOOL_BYTES = tmp_path, 10_000_000
    return spooling.new_journal()


@pytest.fixture
def foreign():
    """A connection of another client to the analytics database."""
    with connect_to_analytics() as other:
        yield other
        other.rollback()


@pytest.fixture(scope="session")
def tracked_world():
    """A running service for all tests in a browser, and a site whose pages it tracks."""
    from tests.support.tracked_site import world  # playwright, which few tests need

    with world() as started:
        yield started
