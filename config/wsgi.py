"""The WSGI application."""

import gc
import os
from contextlib import nullcontext

import django
from django.conf import settings
from django.core.cache import close_caches
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, reset_queries
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import resolve
from django.utils.module_loading import import_string

from config.db import pool
from config.server import metrics_files
from config.server.time_slices import sliced

SHORT = ("/api/v1/", "/api/analytics/", "/health/")  # all others are pages, documents, metrics


class Handler(WSGIHandler):
    """Django's, in which pages take turns with other requests.

    Database connections are given back before a client takes its response, however slowly.
    """

    def get_response(self, request: HttpRequest) -> HttpResponseBase:
        is_short = request.path_info.startswith(SHORT)
        try:
            with nullcontext() if is_short else sliced():
                return super().get_response(request)
        finally:
            pool.give_back()


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
metrics_files.reserve_room()
django.setup(set_prefix=False)
application = Handler()

# Each costs a request more than the search for its route. Connections are given back above, and
# queries are kept in debug mode only.
for signal in (request_started, request_finished):
    signal.disconnect(close_old_connections)
request_finished.disconnect(close_caches)  # which ours have nothing to do for
if not settings.DEBUG:
    request_started.disconnect(reset_queries)

from config.api import outcome_counts  # noqa: E402 - models can be imported only now
from config.db import availability, last_known  # noqa: E402
from config.server import disk_guard  # noqa: E402

outcome_counts.start()
last_known.start()
disk_guard.start()
if settings.SPOOL_BYTES:
    availability.watch()

# The first visitor of each worker would wait for both, as long as for a hundred requests.
resolve("/health/live")  # imports all views
import_string("analytics.sessions.warm_up.warm_up")()
import_string("analytics.ingest.spool.replay.start")()

# What is loaded stays, so that the collector need not look at it again after every few requests.
gc.collect()
gc.freeze()
gc.set_threshold(10_000, 20, 100)
