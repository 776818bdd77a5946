"""The base view of the collect API, whose rate limit counts the events of a user."""

from contextlib import suppress
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from config.api.errors import RateLimited
from config.api.ratelimit import Quota
from config.api.view import ApiView
from websites.authentication import user_of


class QuotaView(ApiView):
    """A view whose handler takes what its body costs from the quota of the user.

    A request is refused early when nothing is left. One that is refused later, but before its
    handler knew the cost, costs one: else a client could send bad bodies without end. Every
    response to a known user says how much is left.
    """

    @property
    def known_quota(self) -> Quota | None:
        """The quota of the user, once the user is known."""
        return vars(self.request).get("quota")

    def get_throttles(self) -> list[BaseThrottle]:
        return [RemainingQuota()]

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]
        quota = self.known_quota
        if quota and not quota.consumed and not isinstance(exc, RateLimited):
            with suppress(RateLimited):  # another request has just taken what was left
                quota.consume(1)
        return super().handle_exception(exc)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        if quota := self.known_quota:
            response["X-RateLimit-Limit"] = str(quota.limit)
            response["X-RateLimit-Remaining"] = str(quota.remaining)
            response["X-RateLimit-Reset"] = str(quota.ends_at)
        return super().finalize_response(request, response, *args, **kwargs)


class RemainingQuota(BaseThrottle):
    """Read the quota of the user, and refuse a request when nothing is left of it."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        quota = Quota("RATE_COLLECT", user_of(request).id)
        vars(request)["quota"] = quota
        quota.require_remaining()
        return True


def quota_of(request: Request) -> Quota:
    """Return the quota of the user, in a handler."""
    quota: Quota = vars(request)["quota"]
    return quota
