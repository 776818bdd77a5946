"""Paths of the APIs that take events in and read them back."""

from django.urls import path

from analytics.collect import api as collect
from analytics.events import api as events
from analytics.funnel import api as track
from analytics.platform import api as platform
from analytics.sessions import api as sessions

urlpatterns = [
    path("api/analytics/collect", collect.CollectView.as_view()),
    path("api/v1/analytics/track", track.TrackView.as_view()),
    path("api/v1/analytics/session", sessions.SessionsView.as_view()),
    path("api/v1/analytics/pageview", sessions.PageViewsView.as_view()),
    path("api/v1/analytics/pageview/<str:id>/leave", sessions.LeaveView.as_view()),
    path("api/v1/analytics/session/<str:id>/heartbeat", sessions.HeartbeatView.as_view()),
    path("api/v1/analytics/session/<str:id>/identify", sessions.IdentifyView.as_view()),
    path("api/v1/analytics", platform.PlatformEventsView.as_view()),
    path("api/v1/analytics/batch", platform.PlatformBatchView.as_view()),
    path("api/v1/analytics/stats", platform.PlatformStatsView.as_view()),
    path("api/v1/analytics/health", platform.PlatformHealthView.as_view()),
    path("api/v1/events", events.EventsView.as_view()),
    path("api/v1/events/batch", events.EventBatchView.as_view()),
    path("api/v1/events/<str:id>", events.EventView.as_view()),
]
