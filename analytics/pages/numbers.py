"""A number and how it changed."""

from dataclasses import dataclass

from analytics.pages.texts import METRICS, format_change, format_metric
from analytics.reports.questions.question import Metrics


@dataclass(frozen=True, slots=True)
class Number:
    """A number, and how it changed, for people."""

    text: str
    before: str = ""
    change: str = ""
    tone: str = "soft"

    @classmethod
    def of(cls, name: str, current: Metrics, previous: Metrics | None) -> "Number":
        text = format_metric(name, current.get(name))
        if previous is None or previous.get(name) is None:
            return cls(text)
        change = format_change(current.get(name), previous.get(name))
        return cls(text, format_metric(name, previous.get(name)), change, _tone(name, change))


def _tone(name: str, change: str) -> str:
    less_is_better = METRICS[name].less_is_better
    if less_is_better is None or not change or change.startswith("±"):
        return "soft"
    return "good" if change.startswith(("+", "new")) != less_is_better else "bad"
