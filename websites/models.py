"""Users and their websites, the owners of events."""

import secrets
import string
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone

from config.db import uuid7
from websites.annotations import Annotation
from websites.deleted_websites import DeletedWebsite
from websites.domains import is_domain, normalised_host
from websites.erasure_requests import ErasureRequest
from websites.goal_models import Funnel, Goal
from websites.segments import Segment
from websites.shares import Share

__all__ = [
    "Annotation",
    "DeletedWebsite",
    "ErasureRequest",
    "Funnel",
    "Goal",
    "RetiredCode",
    "Segment",
    "Share",
    "User",
    "Website",
]

_CODE_ALPHABET = string.ascii_lowercase + string.digits
CODE_GRACE = timedelta(hours=24)  # for pages to be updated with a new tracking code


class UserManager(BaseUserManager["User"]):
    """Users by their email, which is stored in lower case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Store a new user; raise IntegrityError when the email is taken."""
        user = self.model(email=email.lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person with an account, the same one for every API and for the admin."""

    id = models.UUIDField(primary_key=True, default=uuid7.new_id_now, editable=False)
    email = models.EmailField(max_length=255, unique=True)
    # The email that a link has confirmed: another one is not confirmed by it.
    confirmed_email = models.CharField(max_length=255, blank=True, default="", editable=False)
    name = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 - null in responses
    api_key_hash = models.CharField(max_length=64, blank=True, editable=False)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False, help_text="May log in to the admin.")

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="user_email_is_lower_case"
            )
        ]

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        super().clean()
        self.email = self.email.lower()

    def store_unless_taken(self) -> bool:
        """Store a new user; return whether it is, which it is not when the email is taken.

        The database logs no error for that, which would hold the email.
        """
        User.objects.bulk_create([self], ignore_conflicts=True)
        return User.objects.filter(pk=self.pk).exists()

    @property
    def created_at(self) -> datetime:
        return uuid7.time_of(self.id)

    @property
    def is_email_confirmed(self) -> bool:
        return self.email == self.confirmed_email

    def close(self) -> None:
        """Let nobody log in to it, and leave nothing of it but the id, which events have."""
        self.email, self.name = f"{self.pk}@localhost", None
        self.is_active = self.is_staff = self.is_superuser = False
        self.api_key_hash, self.confirmed_email, self.last_login = "", "", None
        self.set_unusable_password()
        self.save()
        self.groups.clear()
        self.user_permissions.clear()


def default_page_rules() -> dict[str, Any]:
    """Return the rules of a new website: pages are paths without a query."""
    return {"queryKeys": [], "trailingSlash": "keep", "patterns": []}


class WebsiteQuerySet(models.QuerySet["Website"]):
    def owned_by(self, user_id: UUID) -> "WebsiteQuerySet":
        return self.filter(user_id=user_id)

    def named(self, text: str) -> "Website | None":
        """Return the website with an id, or a tracking code, as commands take it."""
        id = uuid7.parse(text)
        return self.filter(pk=id).first() if id else self.filter(tracking_code=text).first()


class Website(models.Model):
    """A site whose pages send events under its tracking code."""

    id = models.UUIDField(primary_key=True, default=uuid7.new_id_now, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="websites")
    name = models.CharField(max_length=255)
    domain = models.CharField(max_length=255, help_text="As given; its host is what counts.")
    host = models.CharField(max_length=512, editable=False)
    description = models.TextField(max_length=1000, null=True, blank=True)  # noqa: DJ001 - null in responses
    tracking_code = models.CharField(max_length=64, unique=True, editable=False)
    is_active = models.BooleanField(default=True, help_text="Takes events, and shows them.")
    timezone = models.CharField("time zone", max_length=64, default="UTC")
    honour_privacy_signals = models.BooleanField(default=False)
    allowed_hosts = models.JSONField(default=list)
    ignored_networks = models.JSONField(default=list)
    page_rules = models.JSONField(default=default_page_rules)
    updated_at = models.DateTimeField(editable=False)

    objects = WebsiteQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                "user",
                "host",
                name="website_host_is_unique_per_user",
                violation_error_message="This user has a website of the same host.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.domain})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store it; raise IntegrityError when the user has another website of the same host."""
        self.host = normalised_host(self.domain)
        self.tracking_code = self.tracking_code or self._new_tracking_code()
        self.updated_at = self.created_at if self._state.adding else timezone.now()
        super().save(*args, **kwargs)

    def clean(self) -> None:
        super().clean()
        if not is_domain(self.domain):
            raise ValidationError({"domain": "Enter a host or a URL."})
        self.host = normalised_host(self.domain)
        self.validate_constraints()  # forms would skip it, since host is not one of their fields

    def rotate_code(self) -> str:
        """Take a new tracking code, and return the old one, which stays good for a while."""
        with transaction.atomic(using="default"):
            self.refresh_from_db(from_queryset=Website.objects.select_for_update())
            retired = self.tracking_code
            RetiredCode.objects.create(code=retired, website=self)
            self.tracking_code = self._new_tracking_code()
            self.save()
        return retired

    def change(self, *, page_rules: Mapping[str, Any] | None = None, **values: Any) -> None:
        """Store new values of some fields, and some page rules.

        Raises DoesNotExist if it was deleted meanwhile.
        """
        with transaction.atomic(using="default"):
            self.refresh_from_db(from_queryset=Website.objects.select_for_update())
            self.page_rules |= page_rules or {}
            for name, value in values.items():
                setattr(self, name, value)
            self.save()

    @property
    def created_at(self) -> datetime:
        return uuid7.time_of(self.id)

    def _new_tracking_code(self) -> str:
        while True:
            random = "".join(secrets.choice(_CODE_ALPHABET) for _ in range(6))
            code = f"pm-{random}-{uuid7.ms_of(self.id):013d}"
            if not RetiredCode.objects.filter(code=code).exists():  # no code is used twice
                return code


class RetiredCodeQuerySet(models.QuerySet["RetiredCode"]):
    def valid(self) -> "RetiredCodeQuerySet":
        """Return the codes under which events are still accepted."""
        return self.filter(good_until__gt=timezone.now())


def _end_of_grace() -> datetime:
    return timezone.now() + CODE_GRACE


class RetiredCode(models.Model):
    """A former tracking code, never deleted, so that no other website gets it."""

    code = models.CharField(max_length=64, primary_key=True)
    website = models.ForeignKey(Website, on_delete=models.CASCADE, related_name="retired_codes")
    good_until = models.DateTimeField(default=_end_of_grace)

    objects = RetiredCodeQuerySet.as_manager()

    def __str__(self) -> str:
        return self.code
