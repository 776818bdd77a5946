"""The streams, as staff look at them: one module for each subject."""

from analytics.admin import collect, events, funnel, platform, sessions

__all__ = ["collect", "events", "funnel", "platform", "sessions"]
