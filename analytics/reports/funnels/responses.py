"""The response body of a funnel's statistics."""

from typing import Any, ClassVar

from analytics.reports.responses import StatsBody

META = StatsBody.example["meta"]


class FunnelStats(StatsBody):
    """A row for each step, numbered from 1: how many came so far, and how long it took.

    `sessions` is null where visitors take the steps. Of a rate and of `dropOff` the first step has
    no step before. `dropOff` is how many did not come from the step before; `medianSeconds` is how
    long the others took from there.
    """

    example: ClassVar[Any] = {
        "rows": [
            {
                "value": "1",
                "label": "/products/*",
                "metrics": {
                    "visitors": 640,
                    "sessions": 701,
                    "conversionFromFirst": 100.0,
                    "conversionFromPrevious": None,
                    "dropOff": None,
                    "medianSeconds": None,
                },
            },
            {
                "value": "2",
                "label": "purchase",
                "metrics": {
                    "visitors": 31,
                    "sessions": 33,
                    "conversionFromFirst": 4.7,
                    "conversionFromPrevious": 4.7,
                    "dropOff": 668,
                    "medianSeconds": 92.4,
                },
            },
        ],
        "totals": {"metrics": {"started": 701, "completed": 33, "conversionRate": 4.7}},
        "meta": {name: META[name] for name in META if name != "previous"}
        | {"filters": [], "total": 2, "limit": 2},
    }
