"""Plans of the dashboard's statements"""

import pytest

from analytics.events.models import Event
from analytics.streams import partitions
from analytics.streams.partitions import Month
from tests.support.api import Api
from tests.support.dashboard import PATHS
from tests.support.query_plans import plan_of, statements

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])


@pytest.mark.parametrize("name", PATHS)
def test_one_statement_reads_the_months_of_its_windows_by_index(website, token, name):
    for month in (Month(2025, 11), Month(2025, 12), Month(2026, 1)):
        partitions.create(Event, month)
    owner = Api(headers={"Authorization": f"Bearer {token}"})
    query = {"websiteId": str(website.id), "days": "7"}
    [sql] = [sql for sql in statements(owner, PATHS[name], query) if "analytics_event" in sql]
    plan, indexes = plan_of(sql, allow_scans=False)
    assert indexes == {"event_website_id"}
    assert partitions.partition_name(Event, Month(2026, 1)) in plan
    assert "2025" not in plan
