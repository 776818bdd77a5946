"""What statements count, as SQL: the counts of `Sums`, of which a question needs some"""

from collections.abc import Container, Mapping

from analytics.reports.queries.sums import COUNTS

SESSION_TESTS = {
    "sessions": "true",
    "viewed_sessions": "page_views > 0",
    "bounced_sessions": "page_views = 1",
    "engaged_sessions": ("(page_views > 1 OR custom_events > 0 OR engaged_seconds >= %(engaged)s)"),
}
# Of hits, which are what a session consists of where it does not count by its columns.
PIECES = {
    "page_views": ("page_views", "(lower(type) = 'p')::int"),
    "events": ("custom_events", "(lower(type) = 'c')::int"),
    "timed_views": ("timed_views", "(seconds IS NOT NULL)::int"),
    "engaged_seconds": ("engaged_seconds", "coalesce(seconds, 0)"),
    "scrolled_pages": ("scrolled_pages", "(scroll IS NOT NULL)::int"),
    "scroll_percents": ("scroll_percents", "coalesce(scroll, 0)"),
}


def of_sessions(when: str = "true") -> dict[str, str]:
    """Return the counts of rows that are sessions."""
    lengths = f"sum(ended_at - created_at) FILTER (WHERE {when})"
    return {
        name: f"count(*) FILTER (WHERE {when} AND {test})" for name, test in SESSION_TESTS.items()
    } | {"duration_ms": f"coalesce(extract(epoch FROM {lengths}) * 1000, 0)::bigint"}


def of_hits(when: str = "true") -> dict[str, str]:
    """Return the counts of rows that are hits."""
    return {
        "page_views": f"count(*) FILTER (WHERE {when} AND lower(hit.type) = 'p')",
        "events": f"count(*) FILTER (WHERE {when} AND {{is_event}})",
        "timed_views": f"count(hit.seconds) FILTER (WHERE {when})",
        "engaged_seconds": f"coalesce(sum(hit.seconds) FILTER (WHERE {when}), 0)",
        "scrolled_pages": f"count(hit.scroll) FILTER (WHERE {when})",
        "scroll_percents": f"coalesce(sum(hit.scroll) FILTER (WHERE {when}), 0)",
    }


def of_ends(when: str = "true") -> dict[str, str]:
    """Return how many sessions begin and end with the value, if it is a page."""
    return {
        "entries": f"count(*) FILTER (WHERE {when} AND {{is_page}} AND value = entry_page)",
        "exits": f"count(*) FILTER (WHERE {when} AND {{is_page}} AND value = exit_page)",
    }


# By the places that statements have for them.
PLACES: Mapping[str, Mapping[str, str]] = {
    "session_counts": of_sessions(),
    "session_and_end_counts": of_sessions() | of_ends(),
    "hit_counts": of_hits(),
    "column_counts": of_sessions()
    | {name: f"sum({column})" for name, (column, _) in PIECES.items()},
    "piece_counts": of_sessions("n = 0")
    | {
        name: f"sum(CASE WHEN is_whole THEN {column} ELSE {piece} END)"
        for name, (column, piece) in PIECES.items()
    },
    "first_hit_counts": of_sessions("begins") | of_hits("is_within") | of_ends("begins"),
}


def listed(needed: Container[str], *, is_event: str, is_page: str) -> dict[str, str]:
    """Return what comes to each place: all counts in their order, 0 for what is not needed."""
    return {
        place: ", ".join(
            counts[name].format(is_event=is_event, is_page=is_page)
            if name in counts and name in needed
            else "0"
            for name in COUNTS
        )
        for place, counts in PLACES.items()
    }
