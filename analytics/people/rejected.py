"""Rejected rows of a person, which are there as JSON texts"""

from functools import reduce
from operator import or_

import msgspec
from django.db.models import Q, QuerySet

from analytics.ingest.spool.rejected import RejectedRow
from analytics.people.person import Person
from analytics.sessions.visitors import hash_visitor_id


def rows_of(person: Person) -> "QuerySet[RejectedRow]":
    """Return the rows that hold one of the ids; there are few rejected rows."""
    ids = {*person.visitor_ids, *map(hash_visitor_id, person.visitor_ids)}
    ids |= {str(id) for id in (person.user_id, person.session_id) if id}
    rows = RejectedRow.objects.filter(reduce(or_, map(_holds, ids)))
    return rows.filter(_holds(str(person.website_id))) if person.website_id else rows


def _holds(id: str) -> Q:
    return Q(data__contains=msgspec.json.encode(id).decode())
