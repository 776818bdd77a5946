"""Paths of the accounts and websites APIs."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from websites import views
from websites.apis import accounts, websites

urlpatterns = [
    path("api/v1/auth/register", accounts.RegisterView.as_view()),
    path("api/v1/auth/login", accounts.LoginView.as_view()),
    path("api/v1/auth/refresh", accounts.RefreshView.as_view()),
    path("api/v1/auth/logout", accounts.LogoutView.as_view()),
    path("api/v1/auth/me", accounts.MeView.as_view()),
    path("api/v1/auth/session", accounts.SessionView.as_view()),
    path("accounts/login/", views.LoginView.as_view(), name="login"),
    path("accounts/logout/", LogoutView.as_view(next_page="login"), name="logout"),
    path("api/v1/websites", websites.WebsitesView.as_view()),
    path("api/v1/websites/<str:id>", websites.WebsiteView.as_view()),
]
