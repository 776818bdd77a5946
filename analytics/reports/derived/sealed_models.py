"""Sealed days: a cache of what the sessions of local days answer"""

from typing import ClassVar

from django.db import models

from config.db.routers import ANALYTICS


class SealedDay(models.Model):
    """A local day of a website whose breakdown rows are right; other days are read from sessions.

    Only a cache: the rollup deletes it together with its rows when a session of the day changes.
    """

    home: ClassVar = ANALYTICS

    pk = models.CompositePrimaryKey("website_id", "day")
    website_id = models.UUIDField()
    day = models.DateField()
    timezone = models.CharField("time zone", max_length=64, help_text="Whose day it is.")
    sealed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.day}, {self.timezone}"


class Breakdown(models.Model):
    """The values of a dimension on one sealed day with their counts; of `total`, of all sessions.

    Bots are left out. Sessions, and what is counted by them, count on the day on which they begin;
    page views, events and visitors on the day on which they happen. See breakdowns.py.
    """

    home: ClassVar = ANALYTICS

    pk = models.CompositePrimaryKey("website_id", "dimension", "day")
    website_id = models.UUIDField()
    day = models.DateField()
    dimension = models.CharField(max_length=16)
    data = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.dimension} on {self.day}"


class VisitorSet(models.Model):
    """The visitors of one value of a breakdown, apart from it: most questions read few sets."""

    home: ClassVar = ANALYTICS

    pk = models.CompositePrimaryKey("website_id", "dimension", "day", "position")
    website_id = models.UUIDField()
    day = models.DateField()
    dimension = models.CharField(max_length=16)
    position = models.SmallIntegerField(help_text="Of the value; 0 has most visitors.")
    numbers = models.BinaryField(help_text="Numbers of the visitors, a roaring bitmap.")

    def __str__(self) -> str:
        return f"{self.dimension} {self.position} on {self.day}"


class DayColumn(models.Model):
    """A column of the sessions of a sealed day, or of their hits: an array with a value for each.

    Sums under conditions are made of these; see day_columns.py.
    """

    home: ClassVar = ANALYTICS

    pk = models.CompositePrimaryKey("website_id", "day", "name")
    website_id = models.UUIDField()
    day = models.DateField()
    name = models.CharField(max_length=16)
    data = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.name} on {self.day}"


class SealedHour(models.Model):
    """An hour of a day that is not sealed whose columns are right, of a website with many sessions.

    Like a sealed day it is only a cache, deleted when a session of it changes.
    """

    home: ClassVar = ANALYTICS

    pk = models.CompositePrimaryKey("website_id", "start")
    website_id = models.UUIDField()
    start = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.start)


class HourColumn(models.Model):
    """A column of a sealed hour, as a DayColumn is of a day."""

    home: ClassVar = ANALYTICS

    pk = models.CompositePrimaryKey("website_id", "start", "name")
    website_id = models.UUIDField()
    start = models.DateTimeField()
    name = models.CharField(max_length=16)
    data = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.name} from {self.start}"


class SealedWeek(models.Model):
    """The visitors of a local week of a website whose days are sealed, for retention.

    Like a sealed day it is only a cache, deleted when a session of it changes.
    """

    home: ClassVar = ANALYTICS

    pk = models.CompositePrimaryKey("website_id", "start")
    website_id = models.UUIDField()
    start = models.DateTimeField()
    end = models.DateTimeField(help_text="Zones whose weeks begin together may end them apart.")
    numbers = models.BinaryField(help_text="Numbers of the visitors, a roaring bitmap.")

    def __str__(self) -> str:
        return f"Week from {self.start}"


OF_DAYS = (SealedDay, Breakdown, VisitorSet, DayColumn)
OF_HOURS = (SealedHour, HourColumn)
SEALED = (*OF_DAYS, *OF_HOURS, SealedWeek)
