"""Users and groups in the admin."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from rest_framework_simplejwt.token_blacklist import admin as _  # noqa: F401 - registers them
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from config.model_admin import ModelAdmin
from websites import account_records, accounts
from websites.models import ErasureRequest, User, Website

MAX_NAMED = 100  # users on the page that asks for confirmation
# Nobody needs to see them: ids and expiry times of revoked tokens.
admin.site.unregister([OutstandingToken, BlacklistedToken])
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg]
    """Users, with their role, state and times."""

    icon = "person"
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "name", "role", "state", "created")
    list_per_page = 50
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email",)
    ordering = ("-id",)
    readonly_fields = ("is_email_confirmed", "created", "logged_in")
    autocomplete_fields = ("groups",)  # takes less room than two lists side by side
    filter_horizontal = ("user_permissions",)
    fieldsets = (
        (
            None,
            {"fields": ("email", "is_email_confirmed", "password", "name", "created", "logged_in")},
        ),
        (
            "Permissions",
            {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")},
        ),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),
    )

    def get_queryset(self, request: HttpRequest) -> "QuerySet[User]":
        """Leave out closed accounts, and the one that stands for them in logs."""
        closed = ErasureRequest.objects.values("user_id")
        users = super().get_queryset(request)
        return users.exclude(pk__in=closed).exclude(email=account_records.NOBODY)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Return what goes with users, and why they must stay, without reading all of it."""
        names = [str(user) for user in objs[:MAX_NAMED]]
        counts = {"users": len(objs), "websites": Website.objects.filter(user__in=objs).count()}
        protected = [accounts.LAST_ADMIN] if accounts.are_last_admins(objs) else []
        return names, counts, set(), protected

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        accounts.delete(obj)

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[User]") -> None:
        for user in queryset:
            accounts.delete(user)

    @admin.display(description="email confirmed", boolean=True)
    def is_email_confirmed(self, user: User) -> bool:
        return user.is_email_confirmed

    @admin.display(description="role", ordering="is_staff")
    def role(self, user: User) -> str:
        if user.is_superuser:
            return "Superuser"
        return "Staff" if user.is_staff else "-"

    @display(description="state", label={"Active": "success", "Inactive": "warning"})
    def state(self, user: User) -> str:
        return "Active" if user.is_active else "Inactive"

    @admin.display(description="created (UTC)", ordering="id")
    def created(self, user: User) -> str:
        return f"{user.created_at:%Y-%m-%d %H:%M}"

    @admin.display(description="last login (UTC)")
    def logged_in(self, user: User) -> str:
        return f"{user.last_login:%Y-%m-%d %H:%M}" if user.last_login else "-"


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """Groups and their permissions."""

    icon = "group"
