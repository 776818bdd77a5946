"""The streams, as staff look at them: one module for each subject."""

from analytics.admin import collect, events, funnel, sessions

__all__ = ["collect", "events", "funnel", "sessions"]
