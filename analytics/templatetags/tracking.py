"""What pages need that start sessions."""

from datetime import UTC, datetime
from uuid import UUID

from django import template
from django.conf import settings

from analytics.sessions import tracking_tokens

register = template.Library()


@register.simple_tag
def tracking_token(bio_page_id: UUID | str) -> str:
    """Return the present tracking token of a page; nothing while there is no secret.

    Raises ValueError for an id that is no UUID.
    """
    page = bio_page_id if isinstance(bio_page_id, UUID) else UUID(bio_page_id)
    if not settings.TRACKING_HMAC_SECRET:
        return ""  # the page is shown all the same; its sessions are dropped as unverified
    return tracking_tokens.token(page, datetime.now(UTC))
