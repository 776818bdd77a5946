"""Sealed days: a cache of what the sessions of a website's local days answer."""

from collections.abc import Iterable
from uuid import UUID

from analytics.reports.session_rows import Span


def unseal(website_id: UUID, spans: Iterable[Span]) -> None:
    """Delete the sealed days that spans of time touch; within the transaction that changes them."""
