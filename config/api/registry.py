"""The APIs of the service, one entry each; every list of them derives from these."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from config.api.dialects.base import Dialect

FLAT = "config.api.dialects.flat.DIALECT"


@dataclass(frozen=True, slots=True)
class Api:
    """One API.

    name: its label in metrics and outcome counts, its tag in the description.
    description: what the tag says of it.
    dialect_path: dotted path of what words its errors; loaded at first use, since settings read
        this module.
    switch: the runtime setting that turns it off, None where there is none.
    public: routes, as `path()` takes them, that pages of every origin may call without
        credentials, and whose JSON may come as text/plain or as a form's type.
    same_origin: routes that live by a cookie, and that no page of another origin may call.
    packages: folders below `analytics` that hold its streams; their `models`, `api` and `admin`
        are found here.
    """

    name: str
    description: str
    dialect_path: str = FLAT
    switch: str | None = None
    public: tuple[str, ...] = ()
    same_origin: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()

    @property
    def dialect(self) -> "Dialect":
        return _load(self.dialect_path)


EVENTS = Api(
    "events",
    "Page views, clicks and custom events of websites with tracking codes.",
    switch="events_enabled",
    public=("api/v1/events", "api/v1/events/batch", "tracker.js"),
    packages=("analytics.events",),
)
TRACK = Api(
    "track",
    "Funnel events of logged-in users; sessions and page views of visitors.",
    dialect_path="analytics.funnel.dialect.DIALECT",
    switch="tracking_enabled",
    public=(
        "api/v1/analytics/session",
        "api/v1/analytics/session/<str:id>/heartbeat",
        "api/v1/analytics/pageview",
        "api/v1/analytics/pageview/<str:id>/leave",
    ),
    packages=("analytics.funnel", "analytics.sessions"),
)
ACTIVITY = Api(
    "activity",
    "What happens in front ends.",
    dialect_path="activity.dialect.DIALECT",
    switch="activity_enabled",
    public=("api/v1/activity/events",),
)
COLLECT = Api(
    "collect",
    "Interaction events of logged-in browsers.",
    dialect_path="analytics.collect.dialect.DIALECT",
    switch="collect_enabled",
    same_origin=("api/analytics/collect",),
    packages=("analytics.collect",),
)
PLATFORM = Api(
    "platform",
    "Categorised product events, single and batched, and statistics.",
    dialect_path="analytics.platform.dialect.DIALECT",
    switch="platform_enabled",
    packages=("analytics.platform",),
)
ACCOUNTS = Api(
    "accounts",
    "Register, log in, stay logged in, log out, manage the account.",
    same_origin=("api/v1/auth/session",),
)
WEBSITES = Api("websites", "A user's websites and their tracking codes.")
DASHBOARD = Api(
    "dashboard",
    "Five views of a website's last days, from its events.",
    dialect_path="analytics.dashboard.dialect.DIALECT",
)
STATISTICS = Api(
    "statistics",
    "What the visitors of a website do: totals, series, breakdowns, live.",
    packages=("analytics.reports",),
)
HEALTH = Api("health", "Whether the service is well, and what it counts.")

APIS = (
    EVENTS,
    TRACK,
    ACTIVITY,
    COLLECT,
    PLATFORM,
    ACCOUNTS,
    WEBSITES,
    DASHBOARD,
    STATISTICS,
    HEALTH,
)
BY_SWITCH = {api.switch: api for api in APIS if api.switch}
STREAM_PACKAGES = tuple(package for api in APIS for package in api.packages)


@cache
def _load(path: str) -> "Dialect":
    dialect: Dialect = import_string(path)
    return dialect
