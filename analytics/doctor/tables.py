"""The partitions of the streams."""

from datetime import UTC, datetime

from analytics import partitions
from analytics.doctor.checks import Finding, check, fail, ok, warn
from analytics.models.streams import streams
from analytics.partitions import Month, partition_name


@check("partitions ahead")
def made_ahead() -> Finding:
    """Look whether the months are there that the next weeks will need."""
    this_month = Month.of(datetime.now(UTC))
    advice = "Run manage.py partitions, and daily from cron."
    for month, tell in ((this_month, fail), (this_month.plus(1), warn)):
        lacking = [
            str(model._meta.model_name)
            for model in streams()
            if partition_name(model, month) not in partitions.existing(model)
        ]
        if lacking:
            return tell(f"{month} is missing for {', '.join(lacking)}", advice)
    return ok(f"{this_month} and {this_month.plus(1)} are there")


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
