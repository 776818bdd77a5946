from django.apps import AppConfig


class WebsitesConfig(AppConfig):
    """Whose events these are."""

    name = "websites"

    def ready(self) -> None:
        from websites import lookup  # noqa: F401 - connects the signals that forget
