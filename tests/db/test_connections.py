"""Connections that fail while they are made"""

import pytest
from django.db import OperationalError, connections

from config.db import availability

pytestmark = pytest.mark.django_db(databases=["analytics"])


def test_a_database_that_goes_away_while_one_connects_leaves_no_open_transaction(monkeypatch):
    """Rows of one statement would be acknowledged, and never committed."""
    away = iter([False, True])

    def require(alias):
        if next(away):
            raise OperationalError("away")

    connection = connections["analytics"].copy()
    with monkeypatch.context() as patch:
        patch.setattr(availability, "require", require)
        with pytest.raises(OperationalError):
            connection.ensure_connection()
    try:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE one ()")
        connection.rollback()
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM one")
    finally:
        connection.close()
