"""Every path of the service."""

from django.contrib import admin
from django.urls import include, path, re_path

from config import views

urlpatterns = [
    path("", include("analytics.urls")),  # first: they are by far the most requests
    path("", include("activity.urls")),
    path("", include("websites.urls")),  # before the admin, whose login page is one of these
    path("", include("analytics.pages.views")),
    path("health/live", views.LiveView.as_view()),
    path("health/ready", views.ReadyView.as_view()),
    path("metrics", views.MetricsView.as_view()),
    path("api/schema/", views.schema),
    path("api/docs/", views.docs),
    path("admin/", admin.site.urls),
    re_path(r"", views.unknown_path, name="unknown"),
]
handler400 = views.bad_request
handler404 = views.page_not_found
handler500 = views.server_error
