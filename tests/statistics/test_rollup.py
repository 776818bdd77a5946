"""The rollup: sessions are made of the events that came"""

import pytest

from analytics.reports import rollup
from analytics.reports.models import DirtyRange, EventTotal, WebsiteSession
from tests.support.events import AT_MS, BATCH_PATH, PATH, event_of

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])
HOSTILE = ["NULL", "", '"', "\\", "{}", ",", "a\tb", "\\N", "\u2028 é"]


@pytest.fixture
def post(api, website):
    """Post events of the website, each so many seconds after AT, in one batch."""

    def post(*events):
        sent = [
            event_of(website, **{"timestamp": AT_MS + seconds * 1000} | fields)
            for seconds, fields in events
        ]
        response = api.post(BATCH_PATH, {"events": sent})
        assert response.status_code == 201, response.content

    return post


def roll_up(website):
    assert rollup.refresh(website, 10)


def only_session():
    [row] = WebsiteSession.objects.values()
    return row


def test_posted_one_by_one(api, website):
    for seconds in (5, 0, 9):
        api.post(PATH, event_of(website, timestamp=AT_MS + seconds * 1000))
    assert DirtyRange.objects.count() == 3
    roll_up(website)
    assert only_session()["hit_times"] == [0, 5000, 9000]
    assert not DirtyRange.objects.exists()
    assert dict(EventTotal.objects.values_list("event_type", "events")) == {
        "pageview": 3,
        "click": 0,
        "custom": 0,
    }


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names(post, website, text):
    post((0, {"eventType": "custom", "properties": {"name": text}}), (1, {}))
    roll_up(website)
    assert only_session()["hit_names"] in ([text, None], None)
