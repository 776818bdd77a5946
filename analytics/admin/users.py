"""The base of the admin of streams whose events belong to users, who are found by email."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from analytics.admin.change_list import StreamAdmin
from analytics.admin.formatting import EMPTY, object_link
from config.db import uuid7
from websites.models import User


class UserStreamAdmin(StreamAdmin):
    """The admin of a stream whose rows have a `user_id`, and its QuerySet `for_user`."""

    def attach_related(self, rows: Sequence[Any]) -> None:
        """Set the email of the user on each row, None if the user is deleted."""
        user_ids = {row.user_id: uuid7.parse(str(row.user_id)) for row in rows}
        users = User.objects.filter(id__in=[id for id in user_ids.values() if id])
        emails: dict[UUID | None, str] = dict(users.values_list("id", "email"))
        for row in rows:
            row.email = emails.get(user_ids[row.user_id])

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the events of the user with this email, else those of the other searches.

        The user is looked up first: no index serves a condition on both tables, and these may be
        in two databases.
        """
        if user_id := find_user_id(search_term.strip()):
            return queryset.for_user(user_id), False
        return super().get_search_results(request, queryset, search_term)

    @admin.display(description="user")
    def account(self, event: Any) -> SafeString | str:
        """Return the email as a link to the user, or the id of a deleted user."""
        if event.email:
            return object_link(event.viewer, User, event.user_id, event.email)
        return f"{event.user_id} (deleted)" if event.user_id else EMPTY


def find_user_id(email: str) -> UUID | None:
    return User.objects.filter(email=email.lower()).values_list("id", flat=True).first()
