from django.apps import AppConfig


class ActivityConfig(AppConfig):
    """What our own service did."""

    name = "activity"
