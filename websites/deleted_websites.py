"""Websites that were deleted, whose rows in the analytics database may go"""

from collections.abc import Iterable
from uuid import UUID

from django.db import models
from django.db.models.functions import Now


class DeletedWebsite(models.Model):
    """A website that was deleted, whoever deleted it: a trigger adds it in the same transaction.

    A website that is not among them is only unknown, as all newer ones are to a database that was
    restored from a backup. None is ever removed, since the analytics database may be restored too.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    deleted_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return str(self.id)

    @staticmethod
    def record(ids: Iterable[UUID]) -> None:
        """Record by hand that websites were deleted, which no trigger has seen."""
        rows = [DeletedWebsite(id=id) for id in ids]
        DeletedWebsite.objects.bulk_create(rows, ignore_conflicts=True)
