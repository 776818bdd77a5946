"""Streams whose events belong to users: found by the email of their user."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from analytics.keyset import StreamAdmin
from websites.models import User


class UsersStreamAdmin(StreamAdmin):
    """The admin of a stream whose rows have a `user_id`, and a QuerySet with `for_user`."""

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the events of the user who has this email, else what else the text may name.

        The user is looked up first: no index serves a condition over both tables, which may also
        be in two databases.
        """
        email = search_term.strip().lower()
        user_id = User.objects.filter(email=email).values_list("id", flat=True).first()
        if user_id:
            return queryset.for_user(user_id), False
        return super().get_search_results(request, queryset, search_term)
