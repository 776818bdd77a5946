"""Outcome counts on /metrics"""

from prometheus_client.parser import text_string_to_metric_families

# The outcome and the reason under which an event is counted.
STORED, DUPLICATE, REJECTED = ("stored", ""), ("duplicate", ""), ("rejected", "")
KILL_SWITCH, WRITE_FAILED = ("dropped", "kill_switch"), ("dropped", "write_failed")


def outcome_counts(client, api):
    """Return millrace_ingest_total of an API: (outcome, reason) to the number of events."""
    page = client.get("/metrics").content.decode()
    lines = (line for line in page.splitlines(keepends=True) if "millrace_ingest_total" in line)
    families = text_string_to_metric_families("".join(lines))
    return {
        (sample.labels["outcome"], sample.labels["reason"]): sample.value
        for family in families
        for sample in family.samples
        if sample.name == "millrace_ingest_total" and sample.labels["api"] == api
    }


def outcome_counter(client, api):
    """Return a call that returns the counts since the last call."""
    seen = outcome_counts(client, api)

    def since():
        nonlocal seen
        before, seen = seen, outcome_counts(client, api)
        counts = {end: count - before.get(end, 0) for end, count in seen.items()}
        return {end: count for end, count in counts.items() if count}

    return since
