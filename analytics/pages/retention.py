"""The page of retention: a row for each week of new visitors, a cell for each week after it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import dropwhile
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from analytics.pages.access import website_page
from analytics.pages.links import Link, State
from analytics.pages.report import report
from analytics.pages.texts import NOTHING
from analytics.reports.questions.question import Question
from analytics.reports.retention.cohorts import Cell, Cohort, retention
from analytics.reports.retention.parameters import retention_question
from config.db import uuid7
from websites.models import Website

CHOICES = (8, 12, 26, 53)
SHADES = 9  # beside none, each a class of the style sheet


@dataclass(frozen=True, slots=True)
class ShadedCell:
    """A rate and a count as texts; shade: from 0 for nobody to SHADES for the highest rate."""

    rate: str
    visitors: str
    shade: int
    is_complete: bool


@dataclass(frozen=True, slots=True)
class CohortRow:
    """The cells of a cohort, and its name."""

    text: str
    visitors: str
    cells: Sequence[ShadedCell]
    is_complete: bool


@website_page()
@require_safe
def retention_page(request: HttpRequest, website: Website) -> HttpResponse:
    """Show how many visitors of each week came again in later weeks."""
    return report(request, website, "pages/retention.html", _table, here="retention", ask=_question)


def _question(website: Website, state: State) -> Question:
    query = state.question
    del query["by"]
    return retention_question(website, query, uuid7.now())


def _table(question: Question, state: State) -> dict[str, Any]:
    """Return the cohorts from the first one with visitors on."""
    found = retention(question)
    cohorts = list(dropwhile(lambda cohort: not cohort.visitors, found.cohorts))
    rates = [cell.rate or 0 for cohort in cohorts for cell in cohort.cells]
    most = max(rates, default=0)
    return {
        "rows": [_row(cohort, most, question.timezone) for cohort in cohorts],
        "later": range(1, len(cohorts)),
        "visitors": f"{found.visitors:,}",
        "average": [_shaded(cell, most) for cell in found.average[: max(0, len(cohorts) - 1)]],
        "choices": _choices(state, len(found.cohorts)),
        "is_exact": found.is_exact,
    }


def _row(cohort: Cohort, most: float, zone: ZoneInfo) -> CohortRow:
    cells = [_shaded(cell, most) for cell in cohort.cells]
    text = _day_text(cohort.start.astimezone(zone))
    return CohortRow(text, f"{cohort.visitors:,}", cells, cohort.is_complete)


def _shaded(cell: Cell, most: float) -> ShadedCell:
    rate = NOTHING if cell.rate is None else f"{cell.rate:.1f} %"
    shade = math.ceil(SHADES * cell.rate / most) if cell.rate else 0
    return ShadedCell(rate, f"{cell.visitors:,}", shade, cell.is_complete)


def _day_text(at: datetime) -> str:
    return f"{at.day} {at:%b %Y}"


def _choices(state: State, weeks: int) -> list[Link]:
    return [Link(f"{each} weeks", state.with_(weeks=str(each)), each == weeks) for each in CHOICES]
