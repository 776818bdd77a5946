from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """The project itself: settings, runtime settings, what all APIs share."""

    name = "config"
    verbose_name = "Settings"  # the heading in the admin

    def ready(self) -> None:
        from config import checks  # noqa: F401 - registers the system checks
        from config.server import database_checks, migration_metrics  # noqa: F401
