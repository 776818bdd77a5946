"""The WSGI application."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

from config.api import outcome_counts  # noqa: E402 - models can be imported only now

outcome_counts.start()
