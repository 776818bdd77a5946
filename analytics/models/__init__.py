"""What happened, one module for each kind of event."""

from analytics.models.events import Event
from analytics.models.funnel import FunnelEvent
from analytics.models.sessions import PageView, Session
from analytics.models.streams import Stream

__all__ = ["STREAMS", "Event", "FunnelEvent", "PageView", "Session", "Stream"]

STREAMS: tuple[type[Stream], ...] = (Event, FunnelEvent, Session, PageView)
