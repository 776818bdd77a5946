"""Answers to questions about a website."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise

from django.db import connections, transaction

from analytics.reports import goal_metrics
from analytics.reports.by_value import ByValue, Value
from analytics.reports.derived import rollup
from analytics.reports.labels import label
from analytics.reports.models import WebsiteSession
from analytics.reports.queries.sums import NOTHING, Sums, metric, metrics_of
from analytics.reports.questions.buckets import edges_of, local_time
from analytics.reports.questions.question import GOAL, PAGE_METRICS, Answer, Metrics, Question, Row
from analytics.reports.reading import Reading
from analytics.rounding import percentage
from config.db import replica
from config.db.routers import home
from config.server.capacity import STATISTICS
from websites.models import Website

ALIAS = home(WebsiteSession)
REFRESH_SECONDS = 2.0  # after that, answers are as of the refresh before
WORK_MEM = "32MB"  # sets of visitors of some thousand values, which would go to disk
_ONE_SNAPSHOT = f"""
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL work_mem = '{WORK_MEM}'
"""


@contextmanager
def current(website: Website) -> Iterator[None]:
    """Let a block ask about a website with all events that are stored by now, in one snapshot.

    Raises StorageUnavailable, or what a database raises at the deadline.
    """
    with STATISTICS.bounded():
        rollup.refresh(website, REFRESH_SECONDS)
        with replica.reading(), one_snapshot():
            yield


def answer(question: Question) -> Answer:
    """Answer a question, as of the last refresh of its website."""
    [found] = answer_together([question])
    return found


def answer_together(questions: Sequence[Question]) -> list[Answer]:
    """Answer questions that differ in what their rows are: dimension, metrics, order and limits."""
    prepared = [goal_metrics.prepared(each) for each in questions]
    metrics = {name for each in prepared for name in (*each.metrics, each.sort) if name}
    asked = replace(questions[0], metrics=tuple(metrics))
    with one_snapshot():
        current = Reading(asked, asked.range)
        before = Reading(asked, asked.previous) if asked.previous else None
        dimensions = [each.by for each in questions if each.by and each.by != "time"]
        if len(dimensions) > 1:
            for reading in filter(None, (current, before)):
                reading.read(dimensions)
        answers = [_answer(each, current, before) for each in prepared]
        return list(map(goal_metrics.completed, questions, answers))


def _answer(question: Question, current: Reading, before: Reading | None) -> Answer:
    if question.by == "time":
        rows = _series(question, current, before)
        return replace(_totals(question, current, before), rows=rows)
    if question.by:
        return _breakdown(question, current, before)
    return _totals(question, current, before)


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Let all statements of a block see the same state of the database."""
    connection = connections[ALIAS]
    if connection.in_atomic_block:  # that of `current`, or of a test
        yield
        return
    with transaction.atomic(using=ALIAS), connection.cursor() as cursor:
        cursor.execute(_ONE_SNAPSHOT)
        yield


def _totals(question: Question, current: Reading, before: Reading | None) -> Answer:
    sums = current.total()
    earlier = before.total() if before else None
    return Answer(
        rows=[],
        totals=Row(None, *_metrics(question, sums, earlier, sums, earlier)),
        total=0,
        as_of=current.as_of,
        is_exact=current.is_exact,
        coverage=sums.timed_views / sums.page_views if sums.page_views else None,
    )


def _series(question: Question, current: Reading, before: Reading | None) -> list[Row]:
    """Return a row for each bucket, beside the one at its place in the range before."""
    assert question.interval
    edges = edges_of(question.range, question.interval, question.timezone)
    sums = current.by_bucket(edges)
    earlier: list[Sums] = []
    if before:
        earlier = before.by_bucket(edges_of(before.range, question.interval, question.timezone))
        earlier = (earlier + [NOTHING] * len(sums))[: len(sums)]
    return [
        Row(
            local_time(start, question.timezone),
            metrics_of(sums[n], question.metrics),
            metrics_of(earlier[n], question.metrics) if before else None,
            is_complete=end <= question.now,
        )
        for n, (start, end) in enumerate(pairwise(edges))
    ]


def _breakdown(question: Question, current: Reading, before: Reading | None) -> Answer:
    """Return the values of a dimension that are asked for."""
    assert question.by
    by_value = current.by_value(question.by)
    wanted = [value for value in by_value.values() if _is_searched(question, value)]
    shown = _sorted(question, by_value, wanted)
    earlier = before.by_value(question.by) if before else None
    sums = by_value.exact(shown)
    sums_before = earlier.exact(shown) if earlier else {}
    found = _totals(question, current, before)
    wholes = _wholes(question, current, before)
    if not set(question.metrics).isdisjoint(PAGE_METRICS):
        ends = _with_ends(current, by_value)
        ends_before = _with_ends(before, earlier) if before and earlier else None
        totals = _metrics(question, ends, ends_before, ends, ends_before)
        found = replace(found, totals=Row(None, *totals))
    return replace(
        found,
        rows=[
            Row(
                value,
                *_metrics(question, sums[value], sums_before.get(value), *wholes),
                label=_label(question, value),
            )
            for value in shown
        ],
        total=len(wanted),
        is_truncated=by_value.is_truncated or (earlier is not None and earlier.is_truncated),
    )


def _with_ends(reading: Reading, pages: ByValue) -> Sums:
    """Return the totals of a range with the entries and exits of all its pages."""
    counts = [pages.counts(page) for page in pages.values()]
    entries, exits = sum(each.entries for each in counts), sum(each.exits for each in counts)
    return replace(reading.total(), entries=entries, exits=exits)


def _wholes(
    question: Question, current: Reading, before: Reading | None
) -> tuple[Sums | None, Sums | None]:
    """Return what shares are parts of."""
    if "share" not in question.metrics:
        return None, None
    return current.total(), before.total() if before else None


def _sorted(question: Question, by_value: ByValue, values: list[Value]) -> list[Value]:
    """Return the values that are asked for, in their order; equal ones by themselves."""
    end = question.offset + question.limit
    if question.sort == "visitors" and not question.ascending:
        return by_value.with_most_visitors(values, end)[question.offset :]
    sums = by_value.exact(values) if question.sort == "visitors" else None

    def place(value: Value) -> tuple[bool, float, str]:
        number = metric(sums[value] if sums else by_value.counts(value), question.sort)
        sign = 1 if question.ascending else -1
        return number is None, sign * (number or 0), value or ""

    return sorted(values, key=place)[question.offset : end]


def _label(question: Question, value: Value) -> str | None:
    if question.by == GOAL:
        return next(goal.name for goal in question.goals if str(goal.pk) == value)
    return label(question.by or "", value)


def _is_searched(question: Question, value: Value) -> bool:
    if not question.search:
        return True
    texts = value, _label(question, value)
    wanted = question.search.casefold()
    return any(wanted in text.casefold() for text in texts if text)


def _metrics(
    question: Question,
    current: Sums,
    before: Sums | None,
    whole: Sums | None,
    whole_before: Sums | None,
) -> tuple[Metrics, Metrics | None]:
    """Return the metrics that are asked for, and those of the range before."""
    has_before = question.previous is not None
    return (
        _with_share(question, current, whole),
        _with_share(question, before or NOTHING, whole_before) if has_before else None,
    )


def _with_share(question: Question, sums: Sums, whole: Sums | None) -> Metrics:
    """Return metrics; the share is that of the first other one, in per cent."""
    names = [name for name in question.metrics if name != "share"]
    found = metrics_of(sums, names)
    if "share" in question.metrics:
        part, all = (metric(each, names[0]) if each else None for each in (sums, whole))
        found["share"] = percentage(int(part or 0), int(all or 0))
    return {name: found[name] for name in question.metrics}
