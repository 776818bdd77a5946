"""The partitions of the streams."""

from datetime import UTC, datetime

from analytics.doctor.checks import Finding, check, fail, ok, warn
from analytics.streams import partitions
from analytics.streams.base import streams
from analytics.streams.partitions import (
    MONTHS_AHEAD,
    Month,
    partition_name,
)


@check("partitions ahead")
def made_ahead() -> Finding:
    """Look whether the months are there that a daily run of `partitions` makes, all but the last.

    Only of the last one nobody knows whether its day to be made has come.
    """
    this_month = Month.of(datetime.now(UTC))
    last = this_month.plus(MONTHS_AHEAD - 1)
    for month in this_month.until(last):
        lacking = [
            str(model._meta.model_name)
            for model in streams()
            if partition_name(model, month) not in partitions.existing(model)
        ]
        if lacking:
            tell = fail if month == this_month else warn
            found = f"{month} is missing for {', '.join(lacking)}"
            return tell(found, "Run manage.py partitions, and daily from cron.")
    return ok(f"{this_month} to {last} are there")


@check("default partitions")
def nothing_in_default() -> Finding:
    """Look whether rows lie in default partitions."""
    held = {
        partitions.default_name(model): sum(rows for _, rows in partitions.months_in_default(model))
        for model in streams()
    }
    told = [f"{name} holds {rows:,} rows" for name, rows in held.items() if rows]
    if not told:
        return ok("empty")
    advice = "Every read looks there too: run manage.py partitions --move."
    return warn("; ".join(told), advice)
