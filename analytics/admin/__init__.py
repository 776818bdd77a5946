"""The streams, as staff look at them: one module for each subject."""

from analytics.admin import events, funnel, sessions

__all__ = ["events", "funnel", "sessions"]
