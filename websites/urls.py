"""Paths of the accounts and websites APIs and of the login pages."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LogoutView
from django.urls import path
from django.views.generic import RedirectView

from websites import (
    account_views,
    accounts_api,
    goals_api,
    own_account_api,
    shares_api,
    views,
    websites_api,
)
from websites.page import page
from websites.tracker.views import tracker_js


def own(view: Any) -> Any:
    """Serve a page about the account of whoever is logged in."""
    return page(login_required(view))


urlpatterns = [
    path("api/v1/auth/register", accounts_api.RegisterView.as_view()),
    path("api/v1/auth/login", accounts_api.LoginView.as_view()),
    path("api/v1/auth/refresh", accounts_api.RefreshView.as_view()),
    path("api/v1/auth/logout", accounts_api.LogoutView.as_view()),
    path("api/v1/auth/me", accounts_api.MeView.as_view()),
    path("api/v1/auth/session", accounts_api.SessionView.as_view()),
    path("tracker.js", tracker_js),
    path("admin/login/", views.admin_login),
    # Its own page would let a stolen session guess the password without a limit.
    path("admin/password_change/", RedirectView.as_view(pattern_name="password_change")),
    path("accounts/login/", page(views.LoginView.as_view()), name="login"),
    path("accounts/register/", page(views.register), name="register"),
    path("accounts/me/", own(account_views.account), name="account"),
    path(
        "accounts/password/",
        own(account_views.ChangePasswordView.as_view()),
        name="password_change",
    ),
    path("accounts/sessions/", own(account_views.LogOutEverywhereView.as_view()), name="sessions"),
    path("accounts/email/", own(account_views.EmailView.as_view()), name="email"),
    path("accounts/email/<str:link>/", page(account_views.confirm_email), name="email_confirm"),
    path("accounts/delete/", own(account_views.DeleteAccountView.as_view()), name="account_delete"),
    path(
        "accounts/reset/",
        page(account_views.ForgottenPasswordView.as_view()),
        name="password_reset",
    ),
    path("accounts/reset/sent/", page(account_views.reset_sent), name="password_reset_sent"),
    path(
        "accounts/reset/<str:uidb64>/<str:token>/",
        page(account_views.NewPasswordView.as_view()),
        name="password_reset_confirm",
    ),
    path("accounts/logout/", LogoutView.as_view(next_page="home"), name="logout"),
    path("api/v1/websites", websites_api.WebsitesView.as_view()),
    path("api/v1/websites/<str:id>", websites_api.WebsiteView.as_view()),
    path("api/v1/websites/<str:id>/settings", websites_api.SettingsView.as_view()),
    *own_account_api.urlpatterns,
    *goals_api.urlpatterns,
    *shares_api.urlpatterns,
]
