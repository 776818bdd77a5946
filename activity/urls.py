"""Path of the activity API."""

from django.urls import path

from activity import api

urlpatterns = [path("api/v1/activity/events", api.ActivityView.as_view())]
