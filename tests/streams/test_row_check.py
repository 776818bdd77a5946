"""The system check that compares row types with tables"""

from collections import namedtuple

import pytest
from django.core.checks import run_checks

from analytics.events.models import Event
from analytics.streams.base import streams

FIELDS = Event.row._fields


def test_every_row_type_has_the_columns_of_its_table():
    assert len(streams()) == 9
    assert run_checks() == []


@pytest.mark.parametrize(
    "fields", [FIELDS[:-1], (*FIELDS, "country"), (FIELDS[1], FIELDS[0], *FIELDS[2:])]
)
def test_a_field_too_few_too_many_or_out_of_order_is_an_error(monkeypatch, fields):
    monkeypatch.setattr(Event, "row", namedtuple("Changed", fields))
    [error] = run_checks()
    assert error.id == "analytics.E002"
    assert error.msg == "Changed does not match the table of Event."
    assert error.hint == f"Its fields must be, in this order: {', '.join(FIELDS)}."
