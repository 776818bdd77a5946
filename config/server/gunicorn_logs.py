"""gunicorn's own log lines, in the form of the application's."""

import logging
from typing import Any, ClassVar

from gunicorn import glogging

from config.server import logs


class TextLogger(glogging.Logger):
    """Writes warnings and errors of gunicorn to stderr; requests are not logged."""

    formatter: ClassVar[type[logging.Formatter]] = logs.TextFormatter

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        handler = logging.StreamHandler()
        handler.setFormatter(self.formatter())
        self.error_log.handlers = [handler]
        self.error_log.setLevel(logging.WARNING)

    def access(self, *args: Any) -> None:
        """Log no request: that would be addresses of clients."""


class JsonLogger(TextLogger):
    """The same in JSON, an object a line."""

    formatter = logs.JsonFormatter
