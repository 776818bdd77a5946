"""Streams whose events belong to users, as staff look at them: found and told by emails."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from analytics.admin.change_list import StreamAdmin
from analytics.admin.formatting import (
    NONE,
    link_for,
)
from config.db import uuid7
from websites.models import User


class UsersStreamAdmin(StreamAdmin):
    """The admin of a stream whose rows have a `user_id`, and a QuerySet with `for_user`."""

    def complete(self, rows: Sequence[Any]) -> None:
        """Add the emails of the rows' users, None for those who are gone."""
        user_ids = {row.user_id: uuid7.parse(str(row.user_id)) for row in rows}
        users = User.objects.filter(id__in=[id for id in user_ids.values() if id])
        emails: dict[UUID | None, str] = dict(users.values_list("id", "email"))
        for row in rows:
            row.email = emails.get(user_ids[row.user_id])

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the events of the user who has this email, else what else the text may name.

        The user is looked up first: no index serves a condition over both tables, which may also
        be in two databases.
        """
        if user_id := user_id_of(search_term.strip()):
            return queryset.for_user(user_id), False
        return super().get_search_results(request, queryset, search_term)

    @admin.display(description="user")
    def account(self, event: Any) -> SafeString | str:
        """Return the user's email, which leads to the user."""
        if event.email:
            return link_for(event.reader, User, event.user_id, event.email)
        return f"{event.user_id} (deleted)" if event.user_id else NONE


def user_id_of(email: str) -> UUID | None:
    """Return the id of the user who has an email."""
    return User.objects.filter(email=email.lower()).values_list("id", flat=True).first()
