"""Paths of the accounts and websites APIs."""

from django.urls import path

from websites.apis import accounts, websites

urlpatterns = [
    path("api/v1/auth/register", accounts.RegisterView.as_view()),
    path("api/v1/auth/login", accounts.LoginView.as_view()),
    path("api/v1/auth/refresh", accounts.RefreshView.as_view()),
    path("api/v1/auth/logout", accounts.LogoutView.as_view()),
    path("api/v1/auth/me", accounts.MeView.as_view()),
    path("api/v1/websites", websites.WebsitesView.as_view()),
    path("api/v1/websites/<str:id>", websites.WebsiteView.as_view()),
]
