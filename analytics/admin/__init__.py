"""What staff look at: one module for each subject."""

from analytics.admin import collect, events, funnel, platform, sessions, websites

__all__ = ["collect", "events", "funnel", "platform", "sessions", "websites"]
