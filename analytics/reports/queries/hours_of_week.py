"""Sessions by the hour of the week in which they begin."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from django.db import connections

from analytics.reports.models import WebsiteSession
from analytics.reports.queries.conditions import Parameters
from analytics.reports.queries.goal_steps import of_session
from analytics.reports.queries.session_query import range_values
from analytics.reports.questions.question import Question
from config.db.routers import home

Hour = tuple[int, int]  # weekday from 0, which is Monday, and hour
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
# By quarters of an hour, because the clocks of no zone differ from UTC by less; what they show is
# known to Python alone.
STATEMENT = """
SELECT floor(extract(epoch FROM created_at) / 900)::int, count(*)
  FROM analytics_websitesession AS session
 WHERE website_id = %(website)s AND id >= %(start_id)s AND id < %(end)s AND is_bot = %(bots)s
   AND {fits}
 GROUP BY 1
"""


def sessions_by_hour(question: Question) -> Counter[Hour]:
    """Return the number of sessions that began in each hour of the week, by the clocks of a zone.

    The sum over all weeks of what a question by time and hour gives.
    """
    parameters = Parameters()
    fits = " AND ".join(of_session(each, parameters) for each in question.conditions) or "true"
    values = range_values(question.website.pk, question.range, bots=question.bots_only)
    found: Counter[Hour] = Counter()
    with connections[home(WebsiteSession)].cursor() as cursor:
        cursor.execute(STATEMENT.format(fits=fits), parameters.values | values)
        for quarter, sessions in cursor:
            at = (EPOCH + quarter * QUARTER).astimezone(question.timezone)
            found[at.weekday(), at.hour] += sessions
    return found
