"""Paths of the accounts and websites APIs and of the login pages."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from websites import accounts_api, goals_api, shares_api, views, websites_api
from websites.tracker.views import tracker_js

urlpatterns = [
    path("api/v1/auth/register", accounts_api.RegisterView.as_view()),
    path("api/v1/auth/login", accounts_api.LoginView.as_view()),
    path("api/v1/auth/refresh", accounts_api.RefreshView.as_view()),
    path("api/v1/auth/logout", accounts_api.LogoutView.as_view()),
    path("api/v1/auth/me", accounts_api.MeView.as_view()),
    path("api/v1/auth/session", accounts_api.SessionView.as_view()),
    path("tracker.js", tracker_js),
    path("admin/login/", views.admin_login),
    path("accounts/login/", views.LoginView.as_view(), name="login"),
    path("accounts/register/", views.register, name="register"),
    path("accounts/logout/", LogoutView.as_view(next_page="home"), name="logout"),
    path("api/v1/websites", websites_api.WebsitesView.as_view()),
    path("api/v1/websites/<str:id>", websites_api.WebsiteView.as_view()),
    path("api/v1/websites/<str:id>/settings", websites_api.SettingsView.as_view()),
    *goals_api.urlpatterns,
    *shares_api.urlpatterns,
]
