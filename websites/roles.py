"""The group of staff who look at events and flip switches, and may do nothing else.

What its members may do stands at each model, in `staff_may`: the group learns of a new one when the
tables are migrated.
"""

from typing import Any

from django.apps import AppConfig, apps
from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions

from config.db.routers import MAIN

STAFF = "Staff"


def keep_in_line(sender: AppConfig, using: str, apps: Apps = apps, **kwargs: Any) -> None:
    """Give the group, which is made if need be, the permissions on an app's models that it lacks.

    Those that somebody else gave it stay. Django makes permissions only after migrations, in an
    order of its own, so that they are made here first.
    """
    if using != MAIN:
        return
    try:
        group_model = apps.get_model("auth", "Group")
        permission_model = apps.get_model("auth", "Permission")
    except LookupError:  # not migrated yet; this is called again when it is
        return
    create_permissions(sender, verbosity=0, using=using, apps=apps)
    group, _ = group_model._default_manager.using(using).get_or_create(name=STAFF)
    wanted = [
        f"{action}_{model._meta.model_name}"
        for model in sender.get_models()
        for action in getattr(model, "staff_may", ())
    ]
    group.permissions.add(
        *permission_model._default_manager.using(using).filter(
            content_type__app_label=sender.label, codename__in=wanted
        )
    )
