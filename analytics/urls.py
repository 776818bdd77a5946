"""Paths of the APIs that take events in and read them back."""

from django.urls import path

from analytics.apis import events

urlpatterns = [
    path("api/v1/events", events.EventsView.as_view()),
    path("api/v1/events/batch", events.EventBatchView.as_view()),
    path("api/v1/events/<str:id>", events.EventView.as_view()),
]
