"""URLs of the APIs of events: those of each stream, at the end of its `api`, and the others."""

from importlib import import_module

from django.urls import re_path

from analytics.dashboard import api as dashboard
from analytics.funnel import user_funnel_api
from analytics.reports.annotations import api as annotations_api
from analytics.reports.funnels import api as funnels_api
from analytics.reports.retention import api as retention_api
from analytics.reports.segments import api as segments_api
from config.api.registry import STREAM_PACKAGES, TRACK
from config.views import unknown_path

urlpatterns = [
    *(path for package in STREAM_PACKAGES for path in import_module(f"{package}.api").urlpatterns),
    *user_funnel_api.urlpatterns,
    *dashboard.urlpatterns,
    *annotations_api.urlpatterns,
    *funnels_api.urlpatterns,
    *retention_api.urlpatterns,
    *segments_api.urlpatterns,
    re_path(r"^api/v1/analytics/", unknown_path, {"api": TRACK}, name="unknown"),
]
