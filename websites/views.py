"""The login pages."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import views
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirect
from django.shortcuts import resolve_url
from unfold.widgets import BASE_INPUT_CLASSES

from config.api.errors import Forbidden, InvalidCredentials, RateLimited
from websites import accounts, sessions
from websites.backends import TOO_MANY_ATTEMPTS
from websites.login_throttle import LOGIN_LIMIT
from websites.models import User

INPUT = {
    "class": " ".join(BASE_INPUT_CLASSES),
    "style": "font-size: 16px",  # phones zoom into fields with smaller letters
}


class LoginForm(AuthenticationForm):
    """Email and password, in fields that browsers and password managers recognise."""

    username = forms.CharField(
        label="Email",
        widget=forms.EmailInput(
            INPUT | {"autocomplete": "username", "autocapitalize": "none", "autofocus": ""}
        ),
    )
    password = forms.CharField(
        strip=False,
        widget=forms.PasswordInput(INPUT | {"autocomplete": "current-password"}),
    )

    def clean(self) -> dict[str, Any]:
        """Authenticate as the accounts API does, with its error messages."""
        email, password = map(self.cleaned_data.get, ("username", "password"))
        if email and password:
            assert self.request  # the view always passes it
            try:
                self.user_cache = accounts.authenticate(
                    self.request, email=email, password=password
                )
            except (InvalidCredentials, Forbidden) as error:
                raise ValidationError(f"{error.message}.") from error
            except (OperationalError, InterfaceError) as error:
                raise ValidationError("The database does not answer; try again soon.") from error
        return self.cleaned_data


class LoginView(views.LoginView):
    """/accounts/login/"""

    form_class = LoginForm
    template_name = "accounts/login.html"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            LOGIN_LIMIT.count(request)
            return super().post(request, *args, **kwargs)
        except RateLimited as error:
            return self.too_many_attempts(error.retry_after_seconds)

    def too_many_attempts(self, wait: int) -> HttpResponse:
        """Return the page with status 429 and the seconds to wait."""
        refusal = f"Too many attempts. Try again in {wait} second{'s' * (wait != 1)}."
        form = self.form_class(
            self.request, initial={"username": self.request.POST.get("username")}
        )
        context = self.get_context_data(form=form, refusal=refusal)
        response = self.render_to_response(context, status=429)
        response["Retry-After"] = str(wait)
        return response

    def form_valid(self, form: AuthenticationForm) -> HttpResponseRedirect:
        user = form.get_user()
        assert isinstance(user, User)
        sessions.log_in(self.request, user)
        return HttpResponseRedirect(self.get_success_url())

    def get_default_redirect_url(self) -> str:
        """Return the admin for staff, and for others this page, the only one that they have."""
        user = self.request.user
        is_staff = isinstance(user, User) and user.is_staff
        return super().get_default_redirect_url() if is_staff else resolve_url("login")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        admin_context = admin.site.each_context(self.request)
        return admin_context | super().get_context_data(**kwargs) | {"title": "Log in"}


def admin_login(request: HttpRequest) -> HttpResponse:
    """Serve /admin/login/, the admin's own page; too many attempts are a 429 there, too."""
    response = admin.site.login(request)
    form = (getattr(response, "context_data", None) or {}).get("form")
    for error in form.non_field_errors().as_data() if form else ():
        if error.code == TOO_MANY_ATTEMPTS:
            response.status_code = 429
            response["Retry-After"] = str(error.params["seconds"])
    return response
