"""Statements of funnels, with places for what differs between these

Both have a row for each session or visitor that takes the first step: `depth`, how many steps it
takes, and `gap_2` and so on, the milliseconds from the step before. Then these are summed up.
"""

from analytics.reports.queries.conditions import HITS

# Without groups, so that PostgreSQL neither sorts nor expects many of them.
SUMMED = "SELECT {steps} FROM ({ways}) AS way"
OF_STEP = """
count(*) FILTER (WHERE depth = {step}),
string_agg(int4send(visitor), '') FILTER (WHERE depth = {step}), {gaps}
"""
GAPS = "string_agg(int8send(gap_{step}), '')"

# Sessions, step after step: the first fitting hit after that of the step before. OFFSET 0 lets
# PostgreSQL look for it once.
COLUMNS = """
session.visitor, session.created_at, session.ended_at, session.session_id, session.hostname,
session.hit_types, session.hit_times, session.hit_pages, session.hit_names, session.hit_hosts,
session.hit_seconds, session.hit_scrolls, session.hit_visitors
"""
FIRST_POSITION = f"""
SELECT {COLUMNS}, {{position}} AS place_1 FROM analytics_websitesession AS session
 WHERE website_id = %(website)s AND id >= %(start_id)s AND id < %(end)s AND {{chosen}} OFFSET 0
"""
NEXT_POSITION = """
SELECT session.*, {position} AS place_{step} FROM ({inner}) AS session OFFSET 0
"""
POSITION_BY_HITS = (
    f"(SELECT min(hit.position) FROM {HITS} WHERE hit.position > {{after}} AND {{fits}})"
)
# What is sought in all hits may be found at one of another kind.
POSITION_IN_ARRAY = """
CASE WHEN {found} IS NULL THEN NULL
     WHEN lower(substr(session.hit_types, {found}, 1)) = '{letter}' THEN {found}
     ELSE {by_kind} END
"""
POSITION_BY_KIND = """
millrace_next_hit(
    session.hit_types, '{letter}', session.{values}, {wanted}, {is_pattern}, {after}
)
"""
WAYS_OF_SESSIONS = (
    "SELECT visitor, {depth} AS depth, {gaps} FROM ({places}) AS session WHERE {begins}"
)

# A hit that fits step k gets a chain: its own place, and then the chain of the next hit that fits
# step k + 1 (of a strict funnel, of the very next hit), so that no hit can be two steps. Chains are
# made from the last step to the first, over hits from the last to the first. A chain has an element
# for each further step, NEVER for those that are not reached; so the least of several chains is the
# one that goes on first.
NEVER = 2**62
POSITIONS = 1024  # more than hits of a session that are kept: a place is a time and a position
CHAINS = """
SELECT *, CASE WHEN fits_{step} THEN place || coalesce({following}, {never}::bigint[]) END
       AS chain_{step}
  FROM ({inner}) AS hit
"""
LAST_CHAINS = """
SELECT *, CASE WHEN fits_{step} THEN ARRAY[place] END AS chain_{step} FROM ({inner}) AS hit
"""
WINDOW = "PARTITION BY unit ORDER BY place DESC, session_id DESC"
ALL_BEFORE = "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
FOLLOWING = {
    False: f"min(chain_{{next}}) OVER ({WINDOW} {ALL_BEFORE})",
    True: f"lag(chain_{{next}}) OVER ({WINDOW})",  # of a strict funnel
}
HITS_OF_STEPS = f"""
SELECT * FROM (
    SELECT {{unit}} AS unit, {{visitor}} AS visitor, session.id AS session_id,
           {{time}} * {POSITIONS} + hit.position AS place, {{fits}}
      FROM {{sessions}} CROSS JOIN LATERAL {HITS}
     WHERE {{chosen}} AND {{counting}}
    OFFSET 0
) AS hit WHERE {{wanted}}
"""
# Of each session or visitor the start that leads furthest; of several the first.
WAYS_OF_CHAINS = """
SELECT visitor, depth, {gaps} FROM (
    SELECT DISTINCT ON (unit) unit, visitor, chain_1, depth
      FROM (SELECT *, {depth} AS depth FROM ({chains}) AS hit WHERE fits_1) AS hit
     ORDER BY unit, depth DESC, chain_1
) AS way
"""
