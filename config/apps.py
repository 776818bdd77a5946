from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """What every app shares."""

    name = "config"
    verbose_name = "Settings"  # as the admin calls it

    def ready(self) -> None:
        from config import checks  # noqa: F401 - registers the system checks
        from config.server import database_checks  # noqa: F401
