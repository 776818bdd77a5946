"""What happened, one module for each kind of event."""

from analytics.collect.models import CollectedEvent
from analytics.events.models import Event
from analytics.funnel.models import FunnelEvent
from analytics.platform.models import PlatformEvent
from analytics.platform.totals import (
    PlatformHour,
    PlatformTotal,
)
from analytics.sessions.models import (
    PageView,
    Session,
)
from analytics.streams.maintenance import MaintenanceRun

__all__ = [
    "CollectedEvent",
    "Event",
    "FunnelEvent",
    "MaintenanceRun",
    "PageView",
    "PlatformEvent",
    "PlatformHour",
    "PlatformTotal",
    "Session",
]
