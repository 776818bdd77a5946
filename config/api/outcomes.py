"""Outcomes of events, as X-Event-Outcome and the metrics name them."""

from collections.abc import Mapping
from enum import Enum
from functools import cache

from prometheus_client import Counter

INGESTED = Counter(
    "millrace_ingest", "Events by what became of them.", ["api", "outcome", "reason"]
)


class Outcome(Enum):
    """The values of X-Event-Outcome, the best first."""

    STORED = "stored"
    SPOOLED = "spooled"
    DUPLICATE = "duplicate"
    KILL_SWITCH = "dropped; reason=kill_switch"
    WEBSITE_SETTINGS = "dropped; reason=website_settings"
    BOT = "dropped; reason=bot"
    NO_CONSENT = "dropped; reason=no_consent"
    UNVERIFIED = "dropped; reason=unverified"
    UNKNOWN_SESSION = "dropped; reason=unknown_session"
    WRITE_FAILED = "dropped; reason=write_failed"
    REJECTED = "rejected"

    def count(self, api: str, events: int = 1) -> None:
        """Count events of an API with this outcome."""
        _counter(api, self).inc(events)


@cache
def _counter(api: str, outcome: Outcome) -> Counter:
    name, _, reason = outcome.value.partition("; reason=")
    return INGESTED.labels(api=api, outcome=name, reason=reason)


def best_of(outcomes: Mapping[Outcome, int]) -> Outcome:
    return next(outcome for outcome in Outcome if outcomes.get(outcome))


class Dropped(Exception):
    """An event that will not be stored, for which its client gets a success all the same."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


def counted() -> dict[tuple[str, str, str], int]:
    """Return the counts of this process since its start, by API, outcome and reason."""
    return {
        (sample.labels["api"], sample.labels["outcome"], sample.labels["reason"]): int(sample.value)
        for metric in INGESTED.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }
