"""`manage.py maintenance`: do what is due today, as `serve` does by itself."""

import logging
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError

from analytics.people import waiting
from analytics.streams import maintenance

logger = logging.getLogger(__name__)
FAILED, BUSY = 1, 75  # exit codes; the second is EX_TEMPFAIL


class Command(BaseCommand):
    help = (
        f"Run {' and '.join(maintenance.COMMANDS)} unless they have run today, in one process of "
        "all hosts, and erase the accounts that were deleted; `serve` does so by itself. Exit "
        "code: 0 all is done, 1 something failed, 75 another process is at work."
    )

    def handle(self, **options: Any) -> None:
        try:
            succeeded = maintenance.run_due()
            for _ in waiting.erase_waiting():
                pass
        except maintenance.AlreadyRunning:
            sys.exit(BUSY)
        except CommandError as stop:
            logger.info("Maintenance: %s", stop)
            sys.exit(stop.returncode)
        except (OperationalError, InterfaceError) as error:
            logger.error("Maintenance needs a database that is away: %s", error)
            sys.exit(FAILED)
        if not succeeded:
            sys.exit(FAILED)
