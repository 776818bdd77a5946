"""Response bodies of retention."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from msgspec import UNSET, UnsetType

from analytics.reports.questions.buckets import local_time
from analytics.reports.questions.question import Question
from analytics.reports.responses import Filters, LocalTime, filters_of
from analytics.reports.retention.cohorts import Cell, Cohort, Retention
from config.api.bodies import Body, Count, Timestamp, iso


class CellMetrics(Body, rename="camel"):
    """Visitors who came again, and how many per cent of their cohort these are."""

    visitors: Count
    retention_rate: float | None


class CellBody(Body):
    """One later week of a cohort; `complete` comes, as false, while the week is not over."""

    metrics: CellMetrics
    complete: bool | UnsetType = UNSET

    @classmethod
    def all(cls, cells: Sequence[Cell]) -> list[Self]:
        return [
            cls(CellMetrics(each.visitors, each.rate), UNSET if each.is_complete else False)
            for each in cells
        ]


class CohortMetrics(Body):
    """How many visitors came for the first time."""

    visitors: Count


class CohortBody(Body):
    """The visitors whose first event is in one week, and those of them who came in later weeks.

    `value` is the start of the week; the first of `weeks` is the one after it. `complete` comes, as
    false, while the week is not over.
    """

    value: LocalTime
    metrics: CohortMetrics
    weeks: list[CellBody]
    complete: bool | UnsetType = UNSET

    @classmethod
    def of(cls, cohort: Cohort, zone: ZoneInfo) -> Self:
        return cls(
            value=local_time(cohort.start, zone),
            metrics=CohortMetrics(cohort.visitors),
            weeks=CellBody.all(cohort.cells),
            complete=UNSET if cohort.is_complete else False,
        )


class RetentionTotals(Body):
    """All cohorts; each of `weeks` is about those for which that week is over."""

    metrics: CohortMetrics
    weeks: list[CellBody]


class RetentionMeta(Body, rename={"start": "from", "end": "to", "as_of": "asOf"}):
    """What was asked, and what the answer is worth, as in `stats`."""

    start: LocalTime
    end: LocalTime
    timezone: str
    filters: Filters
    total: Count
    as_of: Timestamp
    exact: bool
    interval: Literal["week"] = "week"


def _cell(visitors: int, rate: float | None) -> dict[str, Any]:
    return {"metrics": {"visitors": visitors, "retentionRate": rate}}


class RetentionBody(Body):
    """A row for each week in which visitors came for the first time; the last week is running."""

    rows: list[CohortBody]
    totals: RetentionTotals
    meta: RetentionMeta

    example: ClassVar[Any] = {
        "rows": [
            {
                "value": "2026-10-12T00:00:00+02:00",
                "metrics": {"visitors": 812},
                "weeks": [_cell(120, 14.8), _cell(40, 4.9) | {"complete": False}],
            },
            {
                "value": "2026-10-19T00:00:00+02:00",
                "metrics": {"visitors": 790},
                "weeks": [_cell(61, 7.7) | {"complete": False}],
            },
            {
                "value": "2026-10-26T00:00:00+01:00",
                "metrics": {"visitors": 402},
                "weeks": [],
                "complete": False,
            },
        ],
        "totals": {"metrics": {"visitors": 2004}, "weeks": [_cell(120, 14.8), _cell(0, None)]},
        "meta": {
            "from": "2026-10-12T00:00:00+02:00",
            "to": "2026-11-02T00:00:00+01:00",
            "timezone": "Europe/Berlin",
            "filters": [["source", "is", ["Google"]]],
            "total": 3,
            "asOf": "2026-10-28T14:03:11.020Z",
            "exact": True,
            "interval": "week",
        },
    }

    @classmethod
    def of(cls, question: Question, found: Retention) -> Self:
        zone = question.timezone
        return cls(
            rows=[CohortBody.of(cohort, zone) for cohort in found.cohorts],
            totals=RetentionTotals(CohortMetrics(found.visitors), CellBody.all(found.average)),
            meta=RetentionMeta(
                start=local_time(found.range.start, zone),
                end=local_time(found.range.end, zone),
                timezone=zone.key,
                filters=filters_of(question),
                total=len(found.cohorts),
                as_of=iso(found.as_of),
                exact=found.is_exact,
            ),
        )
