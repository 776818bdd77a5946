"""Forms with which people manage their account"""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib.auth import forms as auth_forms
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.template.loader import render_to_string

from config.api.errors import Forbidden, Invalid, InvalidCredentials
from websites import accounts, background_mail
from websites.models import User

RULES = "At least 8 characters, with an upper case letter, a lower case letter and a number."
WRONG = "That is not your password."


def password_field(label: str, *, is_new: bool = False) -> forms.CharField:
    """Return a field that browsers and password managers recognise."""
    kind = "new-password" if is_new else "current-password"
    widget = forms.PasswordInput({"autocomplete": kind})
    return forms.CharField(label=label, strip=False, widget=widget)


def confirmed_user(request: HttpRequest, user: User, password: str) -> User:
    """Return a user, read anew, with the right password; raise ValidationError, or RateLimited.

    Failures count as those of a login.
    """
    try:
        return accounts.authenticate(request, email=user.email, password=password)
    except (InvalidCredentials, Forbidden) as error:
        raise ValidationError(WRONG) from error


class NewPasswordForm(auth_forms.SetPasswordForm):  # type: ignore[type-arg]
    """A new password, by the rules of the accounts API, entered twice."""

    new_password1 = password_field("New password", is_new=True)
    new_password2 = password_field("New password, again", is_new=True)
    new_password1.help_text = RULES

    def validate_password_for_user(self, user: Any, password_field_name: str = "") -> None:
        password = self.cleaned_data.get("new_password1")
        if password is None:
            return
        try:
            accounts.REGISTER.run_validation({"email": user.email, "password": password})
        except Invalid as error:
            for problem in error.problems:
                if "password" in problem.location:
                    self.add_error("new_password1", problem.describe())

    def save(self, commit: bool = True) -> User:
        """Store the new password; raise Conflict if the user has been changed meanwhile.

        Django's stores all of a user whom it read before, also of a deleted one.
        """
        user: User = self.user
        accounts.renew_generation(user, self.cleaned_data["new_password1"])
        return user


class ChangePasswordForm(NewPasswordForm):
    """A new password, after the present one."""

    password = password_field("Present password")
    field_order = ("password", "new_password1", "new_password2")

    def __init__(self, user: User, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self._request = request
        super().__init__(user, *args, **kwargs)

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        self.user = confirmed_user(self._request, self.user, password)
        return password


class ConfirmForm(forms.Form):
    """The present password, before something that nobody else may do."""

    password = password_field("Your password")

    def __init__(self, user: User, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self.user, self._request = user, request
        super().__init__(*args, **kwargs)

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        self.user = confirmed_user(self._request, self.user, password)
        return password


class LogOutEverywhereForm(ConfirmForm):
    """The present password, which gets a new hash."""

    def save(self) -> None:
        """Store the hash; raise Conflict if the user has been changed meanwhile."""
        accounts.renew_generation(self.user, self.cleaned_data["password"])


class LinkForm(forms.Form):
    """Nothing to fill in: the button sends a link to the email of the account."""

    def __init__(self, user: User, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self.user = user
        super().__init__(*args, **kwargs)


class ForgottenPasswordForm(auth_forms.PasswordResetForm):
    """The address for a link with which a new password can be set.

    Whether there is such an account shows nowhere, not even in the time that it takes: the link for
    nobody is made, too, and none is waited for.
    """

    email = forms.CharField(
        widget=forms.EmailInput({"autocomplete": "username", "autocapitalize": "none"})
    )

    def get_users(self, email: str) -> Iterable[Any]:
        user = User.objects.filter(email=email.lower(), is_active=True).first()
        return [user or User(email=email, password=UNUSABLE_PASSWORD_PREFIX)]

    def send_mail(
        self,
        subject_template_name: str,
        email_template_name: str,
        context: dict[str, Any],
        from_email: str | None,
        to_email: str,
        html_email_template_name: str | None = None,
    ) -> None:
        body = render_to_string(email_template_name, context)
        subject = f"A new password for Millrace at {context['domain']}"
        if not context["user"]._state.adding and context["user"].has_usable_password():
            background_mail.send(EmailMessage(subject, body, from_email, [to_email]))
