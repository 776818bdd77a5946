from django.apps import AppConfig
from django.db.models.signals import post_migrate


class WebsitesConfig(AppConfig):
    """Whose events these are."""

    name = "websites"
    verbose_name = "People & websites"  # as the admin calls it

    def ready(self) -> None:
        from websites import (
            lookup,  # noqa: F401 - connects the signals that forget
            roles,
        )

        post_migrate.connect(roles.keep_in_line)
