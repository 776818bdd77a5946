from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    """Events: their streams, how they come in, and what the admin shows of them."""

    name = "analytics"

    def ready(self) -> None:
        from analytics import checks  # noqa: F401 - registers the system checks
        from analytics.ingest.spool import watching  # noqa: F401 - registers itself
        from analytics.reports.derived import rollup_status  # noqa: F401 - registers its metrics
        from analytics.streams import retention_preview, table_metrics  # noqa: F401 - register themselves
