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
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from config import runtime
from config.api.errors import Conflict, Forbidden, Invalid, InvalidCredentials, RateLimited
from websites import accounts, email_confirmation, sessions
from websites.backends import TOO_MANY_ATTEMPTS
from websites.limited_form import LimitedForm
from websites.login_throttle import LOGIN_LIMIT
from websites.models import User


class LoginForm(AuthenticationForm):
    """Email and password, in fields that browsers and password managers recognise."""

    username = forms.CharField(
        label="Email",
        widget=forms.EmailInput(
            {"autocomplete": "username", "autocapitalize": "none", "autofocus": ""}
        ),
    )
    password = forms.CharField(
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
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


class LoginView(LimitedForm, views.LoginView):
    """/accounts/login/"""

    form_class = LoginForm
    template_name = "accounts/login.html"

    def get_initial(self) -> dict[str, Any]:
        return {"username": self.request.POST.get("username")}

    def form_valid(self, form: AuthenticationForm) -> HttpResponseRedirect:
        user = form.get_user()
        assert isinstance(user, User)
        sessions.log_in(self.request, user)
        return HttpResponseRedirect(self.get_success_url())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        admin_context = admin.site.each_context(self.request)
        own = {"title": "Log in", "is_open": runtime.current().registration_enabled}
        return admin_context | super().get_context_data(**kwargs) | own


@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Make an account, and log in to it."""
    if not runtime.current().registration_enabled:
        return render(request, "accounts/closed.html", status=403)
    errors: dict[str, list[str]] = {}
    if request.method == "POST":
        sent = {
            "email": request.POST.get("email", ""),
            "password": request.POST.get("password", ""),
        }
        try:
            LOGIN_LIMIT.count(request)
            user, _ = accounts.register(**accounts.REGISTER.run_validation(sent))
        except Invalid as error:
            for problem in error.problems:
                errors.setdefault(str(problem.location[-1]), []).append(problem.describe())
        except Conflict as error:
            errors["email"] = [error.message]
        except RateLimited as error:
            return _too_many_registrations(request, error.retry_after_seconds)
        else:
            email_confirmation.send_first_link(request, user)
            sessions.log_in(request, user)
            return redirect("home")
    return _registration_form(request, errors, status=400 if errors else 200)


def _too_many_registrations(request: HttpRequest, wait: int) -> HttpResponse:
    refusal = f"Too many attempts. Try again in {wait} second{'s' * (wait != 1)}."
    response = _registration_form(request, {"email": [refusal]}, status=429)
    response["Retry-After"] = str(wait)
    return response


def _registration_form(
    request: HttpRequest, errors: dict[str, list[str]], *, status: int
) -> HttpResponse:
    context = {"errors": errors, "sent": request.POST}
    return render(request, "accounts/register.html", context, status=status)


def admin_login(request: HttpRequest) -> HttpResponse:
    """Serve /admin/login/, the admin's own page; too many attempts are a 429 there, too."""
    response = admin.site.login(request)
    form = (getattr(response, "context_data", None) or {}).get("form")
    for error in form.non_field_errors().as_data() if form else ():
        if error.code == TOO_MANY_ATTEMPTS:
            response.status_code = 429
            response["Retry-After"] = str(error.params["seconds"])
    return response
