"""Whether databases answer in time, however silent they are."""

import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as WaitedTooLong

from django.db import DatabaseError, InterfaceError, connections

from config.db import deadline

SECONDS = 2
# Each database has its own threads: one that is silent must not hold up the other's answer.
_questions = {
    alias: ThreadPoolExecutor(max_workers=4, thread_name_prefix=f"health-{alias}")
    for alias in connections
}


def answering(*aliases: str) -> dict[str, bool]:
    """Tell of each database whether it answers within two seconds; all are asked at once."""
    ends_at = time.monotonic() + SECONDS
    asked = {alias: _questions[alias].submit(_answers, alias) for alias in aliases}
    told = {}
    for alias, question in asked.items():
        try:
            told[alias] = question.result(timeout=max(0, ends_at - time.monotonic()))
        except WaitedTooLong:
            question.cancel()  # nobody hears its answer any more
            told[alias] = False
    return told


def _answers(alias: str) -> bool:
    try:
        with deadline.within(SECONDS), connections[alias].cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        return False
    finally:
        connections[alias].close()
    return True
