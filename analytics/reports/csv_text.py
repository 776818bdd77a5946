"""Answers as comma separated values, for spreadsheets."""

import csv
import re
from collections.abc import Iterator
from io import StringIO

from analytics.reports.parameters.fields import TIME
from analytics.reports.questions.question import Answer, Metrics, Question, Row
from config.api.bodies import Csv

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # of what a spreadsheet would run


def csv_of(question: Question, answer: Answer) -> Csv:
    """Return a line of names, and one for each row, or for the totals alone."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(_names(question))
    for row in answer.rows if question.by else [answer.totals]:
        writer.writerow([*map(harmless, _keys(question, row)), *_numbers(row)])
    return Csv(text.getvalue())


def file_name(question: Question) -> str:
    """Return a name made of the website, the dimension and the first day."""
    start = question.range.start.astimezone(question.timezone)
    name = f"{question.website.host}-{question.by or 'totals'}-{start:%Y-%m-%d}.csv"
    return re.sub(r"[^\w.-]", "_", name)


def harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _names(question: Question) -> list[str]:
    previous = [f"previous.{name}" for name in question.metrics if question.previous]
    labels = ["label"] if question.by and question.by != TIME else []
    return [*([question.by] if question.by else []), *labels, *question.metrics, *previous]


def _keys(question: Question, row: Row) -> list[str]:
    if question.by is None:
        return []
    return (
        [row.value or ""]
        if question.by == TIME
        else [row.value or "", row.label or row.value or ""]
    )


def _numbers(row: Row) -> Iterator[str]:
    parts: list[Metrics] = [row.metrics, *([row.previous] if row.previous is not None else [])]
    for metrics in parts:
        yield from ("" if number is None else str(number) for number in metrics.values())
