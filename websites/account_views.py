"""Pages with which people manage their account."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import logout, update_session_auth_hash, views
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.views.decorators.http import require_http_methods, require_safe

from config.api.errors import Conflict, Forbidden
from websites import accounts, email_confirmation
from websites.account_forms import (
    ChangePasswordForm,
    ConfirmForm,
    ForgottenPasswordForm,
    LinkForm,
    LogOutEverywhereForm,
    NewPasswordForm,
)
from websites.limited_form import LimitedForm
from websites.login_throttle import LoginThrottle, count_mailed_link
from websites.models import User, Website

TEMPLATE = "accounts/form.html"
SENT = (
    "If there is an account with this email, a link is on its way. It works once, for an hour. "
    "Nothing came? Look among the spam, or ask for another one."
)
NO_LINK = "This link does not work any more. It works once, for an hour."
NEW_PASSWORD = "Your password is new. All other browsers and tokens are logged out."


@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """Show who somebody is, and what can be done with the account."""
    websites = Website.objects.owned_by(_user_of(request).pk).count()
    return render(request, "accounts/me.html", {"websites": websites})


class OwnForm(LimitedForm):
    """A form of somebody who is logged in, about the own account."""

    template_name = TEMPLATE
    success_url = reverse_lazy("account")

    def get_form_kwargs(self) -> dict[str, Any]:
        user = _user_of(self.request)
        return super().get_form_kwargs() | {"user": user, "request": self.request}


class RenewalView(OwnForm):
    """A form that ends all logins but this one."""

    done = ""  # what the next page says

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            form.save()
        except Conflict as error:
            form.add_error(None, error.message)
            return self.form_invalid(form)
        update_session_auth_hash(self.request, form.user)
        messages.success(self.request, self.done)
        return super().form_valid(form)


class ChangePasswordView(RenewalView):
    """/accounts/password/"""

    done = NEW_PASSWORD
    form_class = ChangePasswordForm
    extra_context = {  # noqa: RUF012 - Django's own way
        "title": "Change your password",
        "about": "All other browsers and tokens of yours are logged out.",
        "button": "Change",
    }


class LogOutEverywhereView(RenewalView):
    """/accounts/sessions/"""

    done = "All other browsers and tokens are logged out."
    form_class = LogOutEverywhereForm
    extra_context = {  # noqa: RUF012 - Django's own way
        "title": "Log out everywhere",
        "about": "All browsers but this one, and all tokens of the API, are logged out at once.",
        "button": "Log out everywhere",
    }


class EmailView(OwnForm):
    """/accounts/email/"""

    form_class = LinkForm
    extra_context = {  # noqa: RUF012 - Django's own way
        "title": "Confirm your email",
        "about": "A link is sent there, which works for three days.",
        "button": "Send the link",
    }

    def form_valid(self, form: Any) -> HttpResponse:
        email_confirmation.send_link(self.request, form.user)
        messages.success(self.request, f"A link is on its way to {form.user.email}.")
        return super().form_valid(form)


@require_http_methods(["GET", "HEAD", "POST"])
def confirm_email(request: HttpRequest, link: str) -> HttpResponse:
    """Confirm the email to which a link was sent, once its button is pressed.

    Programs that look into mail follow its links, too.
    """
    user = email_confirmation.user_of(link)
    context = {"title": "Confirm your email", "owner": user}
    if user is None or request.method != "POST":
        return render(request, "accounts/confirm.html", context, status=200 if user else 404)
    email_confirmation.confirm(user)
    messages.success(request, f"{user.email} is confirmed.")
    return redirect("account" if request.user.is_authenticated else "login")


class DeleteAccountView(OwnForm):
    """/accounts/delete/"""

    form_class = ConfirmForm
    template_name = "accounts/delete.html"
    success_url = reverse_lazy("home")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        websites = Website.objects.owned_by(_user_of(self.request).pk)
        context = super().get_context_data(**kwargs)
        return context | {"title": "Delete your account", "websites": websites}

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            websites = accounts.delete(form.user)
        except Forbidden as error:
            form.add_error(None, error.message)
            return self.form_invalid(form)
        logout(self.request)
        also = f" with {websites} website{'s' * (websites != 1)}" if websites else ""
        messages.success(self.request, f"Your account is deleted{also}.")
        return super().form_valid(form)


class ForgottenPasswordView(LimitedForm, views.PasswordResetView):
    """/accounts/reset/"""

    form_class = ForgottenPasswordForm
    template_name = TEMPLATE
    email_template_name = "accounts/reset_mail.txt"
    success_url = reverse_lazy("password_reset_sent")
    extra_context = {  # noqa: RUF012 - Django's own way
        "title": "Set a new password",
        "about": "Enter your email; a link for a new password is sent there.",
        "button": "Send the link",
    }

    def form_valid(self, form: Any) -> HttpResponse:
        count_mailed_link(self.request, form.cleaned_data["email"])
        return super().form_valid(form)


@require_safe
def reset_sent(request: HttpRequest) -> HttpResponse:
    """Say that a link is on its way, if it is."""
    return render(request, "accounts/notice.html", {"title": "Look into your mail", "text": SENT})


class NewPasswordView(LimitedForm, views.PasswordResetConfirmView):
    """/accounts/reset/<uid>/<token>/"""

    form_class = NewPasswordForm
    template_name = TEMPLATE
    success_url = reverse_lazy("login")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        return context | {"title": "Set a new password", "button": "Set it"}

    def render_to_response(self, context: Any, **kwargs: Any) -> Any:
        if self.validlink:
            return super().render_to_response(context, **kwargs)
        found = {"title": "Set a new password", "text": NO_LINK, "is_reset": True}
        return render(self.request, "accounts/notice.html", found, status=404)

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            response = super().form_valid(form)
        except Conflict as error:
            form.add_error(None, error.message)
            return self.form_invalid(form)
        # Who owns the mailbox need not wait until guesses of strangers are forgotten.
        LoginThrottle(self.request, form.user.email).succeed()
        email_confirmation.confirm(form.user)
        messages.success(self.request, NEW_PASSWORD)
        return response


def _user_of(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
