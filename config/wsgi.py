"""The WSGI application."""

import os

from django.conf import settings
from django.core.signals import request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, reset_queries
from django.urls import resolve
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

# Both cost each request more than the search for its route. Old connections are also closed when a
# request has finished, and queries are kept in debug mode only.
request_started.disconnect(close_old_connections)
if not settings.DEBUG:
    request_started.disconnect(reset_queries)

from config.api import outcome_counts  # noqa: E402 - models can be imported only now

outcome_counts.start()

# The first visitor of each worker would wait for both, as long as for a hundred requests.
resolve("/health/live")  # imports all views
import_string("analytics.sessions.warm_up.warm_up")()
