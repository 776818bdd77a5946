"""Parameters of a question, and the question that they ask."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import QueryDict

from analytics.reports import history
from analytics.reports.parameters.fields import (
    EARLIEST,
    MAX_LENGTH,
    TIME,
    Conditions,
    DayOrInstant,
    Dimension,
    Metrics,
    Sort,
)
from analytics.reports.parameters.parameter_rules import (
    NO_NUL,
    condition_limit_problems,
    conditions_in,
    metric_problems,
    order_problem,
    range_problems,
    unknown_parameters,
)
from analytics.reports.queries.goal_conditions import with_goals
from analytics.reports.questions.buckets import DAY, INTERVALS, local_day
from analytics.reports.questions.periods import (
    DEFAULT,
    MAX_BUCKETS,
    PERIODS,
    Moment,
    Span,
    finest_interval,
    has_at_most,
    span_of,
)
from analytics.reports.questions.question import GOAL, SHARE, Condition, Question, Range
from config.api.errors import Invalid
from config.api.fields import Choice, Text, WholeNumber
from config.api.problems import Problem
from config.api.rules import at_most
from config.api.serializers import StrictSerializer
from websites.models import Goal, Website
from websites.settings import IANA_NAME

MAX_FILTERED = timedelta(days=400)
CSV_LIMIT = 1000
ZONE_HELP = "Whose days and clock are meant. Default: the website's."
DEFAULT_METRICS = ("visitors", "sessions", "pageviews")
# A parameter that comes several times is a list of texts.
ONCE = {
    "error_messages": dict.fromkeys(
        ("string_type", "enum_type", "int_type"), "Must not be repeated"
    )
}


class StatsQuery(StrictSerializer):
    """What is asked."""

    period = Choice(
        *PERIODS,
        default=None,
        help_text=f"In place of `from` and `to`; without any of them `{DEFAULT}`. All end with "
        "today but `yesterday`; `24h` is this hour and the 23 before it.",
        **ONCE,
    )
    timezone = Text(IANA_NAME, default=None, sample="Europe/Berlin", help_text=ZONE_HELP, **ONCE)
    compare = Choice(
        "none",
        "previous",
        "year",
        default=None,
        help_text="The range to compare with: as many days (or months) before, or the same dates "
        "a year before. While a range is running, both are cut at the same elapsed time.",
        **ONCE,
    )
    compareFrom = DayOrInstant(default=None, **ONCE)
    compareTo = DayOrInstant(default=None, **ONCE)
    metrics = Metrics(default=DEFAULT_METRICS, **ONCE)
    by = Dimension(default=None, **ONCE)
    interval = Choice(
        *INTERVALS,
        default=None,
        help_text="With `by=time`. Default: the finest with at most 100 buckets.",
        **ONCE,
    )
    sort = Sort(default=None, **ONCE)
    limit = WholeNumber(min_value=1, max_value=1000, default=10, **ONCE)
    offset = WholeNumber(min_value=0, max_value=1_000_000, default=0, **ONCE)
    search = Text(
        at_most(MAX_LENGTH),
        NO_NUL,
        default="",
        sample="blog",
        help_text="Only values, or labels, with this text in them, in any case.",
        **ONCE,
    )
    bots = Choice("only", default=None, help_text="Sessions of bots instead of people's.", **ONCE)
    conditions = Conditions(default={})

    def get_fields(self) -> dict[str, Any]:
        moments = {name: DayOrInstant(default=None, **ONCE) for name in ("from", "to")}
        return moments | super().get_fields()

    def problems_between(self, data: dict[str, Any], values: dict[str, Any]) -> list[Problem]:
        """Check what goes together; replace the conditions by those that are valid."""
        return [
            *read_conditions(data, values),
            *range_problems(data, values),
            *metric_problems(values),
        ]


class CsvQuery(StatsQuery):
    """The same, with more rows."""

    limit = WholeNumber(min_value=1, max_value=1000, default=CSV_LIMIT, **ONCE)


class LiveQuery(StrictSerializer):
    """Whose clock the times of the answer show."""

    timezone = Text(IANA_NAME, default=None, sample="Europe/Berlin", help_text=ZONE_HELP, **ONCE)

    def problems_between(self, data: dict[str, Any], values: dict[str, Any]) -> list[Problem]:
        return unknown_parameters(data)


STATS, CSV, LIVE = StatsQuery(), CsvQuery(), LiveQuery()


def question_of(
    website: Website, query: QueryDict, now: datetime, serializer: StatsQuery = STATS
) -> Question:
    """Return what is asked of a website; raises Invalid."""
    values = serializer.run_validation(by_field(query, serializer))
    zone = ZoneInfo(values["timezone"] or website.timezone)
    span = _span(website, values, now, zone)
    previous = _previous(span, values, now, zone)
    _check_lengths([span.range, previous], values)
    first = next(name for name in values["metrics"] if name != SHARE)
    sort = values["sort"] or f"-{first}"
    return Question(
        website=website,
        range=span.range,
        timezone=zone,
        now=now,
        metrics=values["metrics"],
        previous=previous,
        by=values["by"],
        interval=_interval(span.range, values, zone),
        sort=sort.removeprefix("-").replace(SHARE, first),
        ascending=not sort.startswith("-"),
        limit=values["limit"],
        offset=values["offset"],
        search=values["search"],
        conditions=tuple(with_goals(website, values["conditions"])),
        bots_only=values["bots"] is not None,
        goals=tuple(Goal.objects.of_website(website.pk)) if values["by"] == GOAL else (),
    )


def zone_of(website: Website, query: QueryDict) -> ZoneInfo:
    """Return the time zone of a live view; raises Invalid."""
    values = LIVE.run_validation(by_field(query, LIVE))
    return ZoneInfo(values["timezone"] or website.timezone)


def read_conditions(data: dict[str, Any], values: dict[str, Any]) -> list[Problem]:
    """Replace the conditions of a question by those that are valid; return what others break."""
    sent = data.get("conditions")
    conditions: Mapping[str, Sequence[str]] = sent if isinstance(sent, dict) else {}
    found = [*conditions_in(conditions)]
    values["conditions"] = tuple(each for each in found if isinstance(each, Condition))
    problems = [each for each in found if isinstance(each, Problem)]
    return [*problems, *condition_limit_problems(conditions)]


def by_field(query: QueryDict, serializer: StrictSerializer) -> dict[str, Any]:
    """Return parameters by the name of their field; all others are conditions."""
    data: dict[str, Any] = {"conditions": {}}
    for name, texts in query.lists():
        if name in serializer.fields and name != "conditions":
            data[name] = texts[0] if len(texts) == 1 else texts
        else:
            data["conditions"][name] = texts
    return data


def _span(website: Website, values: dict[str, Any], now: datetime, zone: ZoneInfo) -> Span:
    start, end = values["from"], values["to"]
    if start is None and end is None:
        period = values["period"] or DEFAULT
        since = history.first_day(website.pk, zone) if period == "all" else None
        return span_of(period, now, zone, since=since)
    given: Moment = start if end is None else end
    is_instant = isinstance(given, datetime)
    last: Moment = now if is_instant else local_day(now, zone)
    end = last if end is None else end
    start = end - (timedelta(days=28) if is_instant else DAY * 27) if start is None else start
    if problem := order_problem(start, end, ("from", "to")):
        raise Invalid(problem)
    return Span.between(start, end, zone)


def _previous(span: Span, values: dict[str, Any], now: datetime, zone: ZoneInfo) -> Range | None:
    if values["compareFrom"] is not None:
        earlier = Span.between(values["compareFrom"], values["compareTo"], zone)
        return span.cut(earlier, now)
    if values["compare"] in (None, "none"):
        return None
    found = span.previous(now) if values["compare"] == "previous" else span.year_before(now)
    if found.start < EARLIEST:
        raise Invalid(Problem("range", ("compare",), message="Begins before the year 2000"))
    return found


def _interval(range: Range, values: dict[str, Any], zone: ZoneInfo) -> str | None:
    if values["by"] != TIME:
        return None
    interval: str = values["interval"] or finest_interval(range, zone)
    if not has_at_most(MAX_BUCKETS, range, interval, zone):
        message = f"A range may have at most {MAX_BUCKETS} buckets"
        raise Invalid(Problem("buckets", ("interval",), message=message))
    return interval


def _check_lengths(ranges: Sequence[Range | None], values: dict[str, Any]) -> None:
    """Raise Invalid if a range is too long for its sessions to be read one by one."""
    if not values["conditions"] and not values["bots"] and values["by"] != GOAL:
        return
    names = ("from" if values["period"] is None else "period", "compareFrom")
    for range, name in zip(ranges, names, strict=True):
        # A day that is longer than 24 hours is no longer range.
        if range and range.end - range.start >= MAX_FILTERED + DAY:
            message = f"A filtered range may have at most {MAX_FILTERED.days} days"
            raise Invalid(Problem("too_long", (name,), message=message))
