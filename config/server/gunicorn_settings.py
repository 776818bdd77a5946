"""Settings of gunicorn, beside those that come from the environment (serving.py).

Its parent process reads this. It imports nothing of Django, for which each worker has to patch the
standard library first.
"""

import os
from contextlib import suppress

worker_class = "config.server.worker.Worker"
timeout = 60  # a worker that does nothing for so long is replaced
graceful_timeout = 10
backlog = 2048
keepalive = 75
control_socket_disable = True
limit_request_fields = 1000
permit_unconventional_http_method = True  # it is a 405, in the dialect of the path
header_map = "drop"  # X_Forwarded_For must not pass for X-Forwarded-For
forwarded_allow_ips = ""  # config/api/client_address.py reads those headers
forwarder_headers = ""


def post_worker_init(worker: object) -> None:
    """Tell `serve`, which waits for that at a start, that a worker is about to serve."""
    with suppress(OSError):  # it waits no more
        os.write(int(os.environ["READY_FD"]), b".")
