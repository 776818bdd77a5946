"""Forms of pages whose posts share the counter of all attempts to log in"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.generic import FormView

from config.api.errors import RateLimited
from websites.login_throttle import LOGIN_LIMIT


class LimitedForm(FormView):  # type: ignore[type-arg]
    """A form of whom a client may send so many as RATE_AUTH says; `refusal` is for one more."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            LOGIN_LIMIT.count(request)
            return super().post(request, *args, **kwargs)
        except RateLimited as error:
            return self.too_many_attempts(error.retry_after_seconds)

    def too_many_attempts(self, wait: int) -> HttpResponse:
        """Return the page with status 429 and the seconds to wait."""
        refusal = f"Too many attempts. Try again in {wait} second{'s' * (wait != 1)}."
        context = self.get_context_data(form=self.unsent_form(), refusal=refusal)
        response = self.render_to_response(context, status=429)
        response["Retry-After"] = str(wait)
        return response

    def unsent_form(self) -> Any:
        """Return the form as it is before somebody fills it in."""
        kwargs = self.get_form_kwargs()
        sent = {"data", "files"}
        return self.get_form_class()(**{name: kwargs[name] for name in kwargs.keys() - sent})
