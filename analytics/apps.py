from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    """What happened: events in, kept, shown."""

    name = "analytics"
