"""Erasure of deleted accounts in the background"""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.db import InterfaceError, OperationalError

from analytics.people import erasure
from analytics.people.person import Person
from analytics.reports.derived.visitor_erasure import WebsiteBusy
from analytics.streams.maintenance import AlreadyRunning, exclusive_run
from websites.models import ErasureRequest

logger = logging.getLogger(__name__)
NAME = "erasure"  # of the lock that one run at a time holds


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many accounts wait to be erased, and since when the first of them does."""

    accounts: int
    since: datetime | None

    @classmethod
    def now(cls) -> "Waiting":
        first = ErasureRequest.objects.order_by("id").first()
        return cls(ErasureRequest.objects.count(), first.requested_at if first else None)


def erase_waiting() -> Iterator[int]:
    """Erase the accounts whose deletion was asked for; yield the rows of each transaction.

    Does nothing while another process does it.
    """
    requests = [request for request in ErasureRequest.objects.all() if request.is_settled]
    if not requests:
        return
    with suppress(AlreadyRunning), exclusive_run(NAME):
        for request in requests:
            yield from _fulfil(request)


def _fulfil(request: ErasureRequest) -> Iterator[int]:
    person = Person((str(request.user_id),), request.user_id)
    erased: Counter[str] = Counter()
    try:
        for table, rows in erasure.erase(person):
            erased[table] += rows
            yield rows
    except WebsiteBusy:
        logger.info("An account is erased later: a website is in use for long.")
    except (OperationalError, InterfaceError):
        raise
    except Exception:  # whatever is wrong with one account, the others go
        logger.exception("The erasure of an account failed; it is tried again")
    else:
        logger.info("An account is erased: %s", erasure.receipt(person, +erased))
