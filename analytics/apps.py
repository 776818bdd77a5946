from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    """What happened: events in, kept, shown."""

    name = "analytics"

    def ready(self) -> None:
        from analytics import checks  # noqa: F401 - registers the system checks
        from analytics.streams import retention_preview, table_metrics  # noqa: F401 - registers the system checks
