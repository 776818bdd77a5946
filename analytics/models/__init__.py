"""What happened, one module for each kind of event."""

from analytics.models.events import Event
from analytics.models.streams import Stream

__all__ = ["STREAMS", "Event", "Stream"]

STREAMS: tuple[type[Stream], ...] = (Event,)
