"""People: what is known of one whose data is exported or erased"""

import re
from dataclasses import dataclass
from uuid import UUID

from config.db import uuid7
from websites.models import User

WHO = "email, or id of a user, a visitor of websites, or a session of track"
_SURROGATE = re.compile(r"[\ud800-\udfff]")
WEBSITE = "only what the website with this id has of the visitor"


class NoPerson(ValueError):
    """What was given can be no person."""


@dataclass(frozen=True, slots=True)
class Person:
    """The ids under which there may be data of one person.

    session_id: that of a session of track. website_id: only what this website has of the visitor.
    """

    visitor_ids: tuple[str, ...]
    user_id: UUID | None = None
    session_id: UUID | None = None
    website_id: UUID | None = None


def find(text: str, website: str | None = None) -> Person:
    """Return the person of an email, or the id of a user, a visitor or a session.

    A UUID may be each of the three, and a user may be deleted already. Raises NoPerson.
    """
    text = text.strip()
    if not text or "\0" in text or _SURROGATE.search(text):  # no column has such a text
        raise NoPerson(f"Name a person: {WHO}.")
    if website is not None:
        website_id = uuid7.parse(website)
        if website_id is None:
            raise NoPerson(f"'{website}' is no id of a website.")
        return Person((text,), website_id=website_id)
    id = uuid7.parse(text)
    if id is None:
        users = User.objects.filter(email=text.lower())
        return Person((text,), users.values_list("pk", flat=True).first())
    return Person((text,), id, id)
