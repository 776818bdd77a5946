"""Mail that is sent after the response, so that nobody waits for it, or learns by waiting"""

import logging
from concurrent.futures import ThreadPoolExecutor

from django.core.mail import EmailMessage

logger = logging.getLogger(__name__)
_sender = ThreadPoolExecutor(1, "mail")


def send(message: EmailMessage) -> None:
    """Send a message soon; a failure is logged."""
    _sender.submit(_send, message)


def wait() -> None:
    """Wait until all messages have been sent."""
    _sender.submit(lambda: None).result()


def _send(message: EmailMessage) -> None:
    try:
        message.send()
    except Exception as error:  # of any mail server; nobody waits for an answer
        logger.error("Mail cannot be sent, see EMAIL_URL: %r", error)
