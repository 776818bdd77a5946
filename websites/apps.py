from django.apps import AppConfig
from django.db.models.signals import post_migrate


class WebsitesConfig(AppConfig):
    """Users and their websites, the owners of events."""

    name = "websites"
    verbose_name = "People & websites"  # the heading in the admin

    def ready(self) -> None:
        from websites import (
            lookup,  # noqa: F401 - connects the signals that clear its cache
            roles,
        )

        post_migrate.connect(roles.grant_permissions)
