"""The group Staff, whose members may view events and change the runtime settings.

Each model lists in `staff_may` what they may do; the group gets these permissions after migrations.
"""

from typing import Any

from django.apps import AppConfig, apps
from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions

from config.db.routers import MAIN

STAFF = "Staff"


def grant_permissions(sender: AppConfig, using: str, apps: Apps = apps, **kwargs: Any) -> None:
    """Create the group and grant it the permissions of `staff_may` on an app's models.

    Permissions that people granted to it stay. Django creates the permissions in another receiver
    of the same signal, which may come later: they are created here first.
    """
    if using != MAIN:
        return
    try:
        group_model = apps.get_model("auth", "Group")
        permission_model = apps.get_model("auth", "Permission")
    except LookupError:  # not migrated yet: the signal comes again after that migration
        return
    create_permissions(sender, verbosity=0, using=using, apps=apps)
    group, _ = group_model._default_manager.using(using).get_or_create(name=STAFF)
    codenames = [
        f"{action}_{model._meta.model_name}"
        for model in sender.get_models()
        for action in getattr(model, "staff_may", ())
    ]
    group.permissions.add(
        *permission_model._default_manager.using(using).filter(
            content_type__app_label=sender.label, codename__in=codenames
        )
    )
