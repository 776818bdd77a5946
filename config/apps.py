from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """The project itself: settings, runtime settings, what all APIs share."""

    name = "config"
    verbose_name = "Settings"  # the heading in the admin

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from config import checks  # noqa: F401 - registers the system checks
        from config.runtime import hardening
        from config.server import database_checks, migration_metrics, replica_watch  # noqa: F401

        # The only word that there is after `migrate`, whatever command runs it.
        post_migrate.connect(hardening.announce, sender=self)
