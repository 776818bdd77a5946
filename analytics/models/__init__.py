"""What happened, one module for each kind of event."""

from analytics.models.collect import CollectedEvent
from analytics.models.events import Event
from analytics.models.funnel import FunnelEvent
from analytics.models.maintenance import MaintenanceRun
from analytics.models.platform import PlatformEvent
from analytics.models.platform_totals import PlatformHour, PlatformTotal
from analytics.models.sessions import PageView, Session

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
