"""Activity events in the admin"""

from uuid import uuid4

import pytest
from django.db import connections

from activity.models import ActivityEvent
from config.db import uuid7
from tests.support.admin import PAGE_SIZE, assert_paged, listed_ids
from tests.support.events import AT_MS
from tests.support.query_plans import UUID7, plan_of, statements

pytestmark = [
    pytest.mark.django_db(databases=["default", "analytics"]),
    pytest.mark.usefixtures("unrecorded"),
]

ROWS = "/admin/activity/activityevent/"
TABLE = "activity_events"


def store(ms=AT_MS, **fields):
    """Store a row of a request."""
    usual = {
        "event_type": "api_request",
        "method": "GET",
        "path": "/api/v1/websites",
        "status_code": 200,
        "duration_ms": 7,
        "metadata": {},
    }
    id = uuid7.new_id(ms)
    return ActivityEvent.objects.create(id=id, created_at=uuid7.from_ms(ms), **usual | fields)


def fill(count):
    """Store so many requests that no filter finds."""
    with connections["analytics"].cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {TABLE} "
            "(id, created_at, event_type, method, path, status_code, duration_ms, metadata) "
            f"SELECT {UUID7}, now(), 'api_request', 'GET', '/', 200, 1, '{{}}' "
            "FROM generate_series(1, %s) n",
            [count],
        )
        cursor.execute(f"ANALYZE {TABLE}")


def indexes_for(client, query):
    """Return the indexes that serve a page of the list, as of a big table."""
    fill(5000)
    [sql] = statements(client, ROWS, query, table=TABLE)
    plan, used = plan_of(sql, allow_scans=False)
    assert "Seq Scan" not in plan
    return used


def test_pages_show_each_row_once_and_cost_one_query(staff_api, user):
    made = [store(AT_MS + n, user_id=str(user.id)).pk for n in range(PAGE_SIZE + 2)]
    assert_paged(staff_api, ROWS, made)
    [sql] = statements(staff_api, ROWS, table=TABLE)
    assert "COUNT(" not in sql
    assert '"metadata"' not in sql


def test_a_row_of_the_list_shows_the_essentials(staff_api, user):
    gone = uuid4()
    store(user_id=str(user.id), event_type="server_error", status_code=500, path="/<b>")
    store(user_id=str(gone))
    store(user_id="of-another-system")
    html = staff_api.get(ROWS).content.decode()
    for text in ("2026-01-28 20:00:00", "7 ms", "500", "/&lt;b&gt;"):
        assert text in html
    assert 'href="?event_type=server_error"' in html
    assert 'href="?user=user%40example.com"' in html
    assert f'href="?user={gone}"' in html
    assert "of-another-system" in html


def test_the_detail_shows_everything(staff_api, user):
    row = store(
        user_id=str(user.id), session_id="s 1", project_id="p-1", metadata={"request_id": "<x>"}
    )
    html = staff_api.get(f"{ROWS}{row.pk}/change/").content.decode()
    assert 'name="_save"' not in html
    for text in (str(row.pk), "2026-01-28 20:00:00", "/api/v1/websites", "7 ms", user.email):
        assert text in html
    assert f'href="/admin/websites/user/{user.id}/change/"' in html
    assert f'href="{ROWS}?q=s+1"' in html
    assert f'href="{ROWS}?q=p-1"' in html
    assert "{\n  &quot;request_id&quot;: &quot;&lt;x&gt;&quot;\n}" in html


@pytest.mark.parametrize(
    ("event_type", "index"),
    [("user_login", "activity_type_hash_id"), ("api_request", f"{TABLE}_pkey")],
)
def test_rows_of_one_type(staff_api, event_type, index):
    wanted = [store(AT_MS + n, event_type=event_type).pk for n in range(2)][::-1]
    store(event_type="user_logout")
    assert listed_ids(staff_api.get(ROWS, {"event_type": event_type})) == wanted
    assert indexes_for(staff_api, {"event_type": event_type}) == {index}


@pytest.mark.parametrize("term", ["user@example.com", " User@Example.com ", "{id}"])
def test_rows_of_one_user(staff_api, user, term):
    wanted = store(user_id=str(user.id))
    store(user_id=str(uuid4()))
    store()
    query = {"user": term.format(id=user.id)}
    assert listed_ids(staff_api.get(ROWS, query)) == [wanted.pk]
    assert indexes_for(staff_api, query) == {"activity_user_hash_id"}


@pytest.mark.parametrize("hundreds", [3, 4, 5])
def test_rows_of_one_status_class(staff_api, hundreds):
    first, last = (store(status_code=hundreds * 100 + n).pk for n in (0, 99))
    for status in (hundreds * 100 - 1, hundreds * 100 + 100, 200):
        store(status_code=status)
    query = {"status": str(hundreds)}
    assert set(listed_ids(staff_api.get(ROWS, query))) == {first, last}
    assert indexes_for(staff_api, query) == {"activity_status_class_id"}


def test_rows_that_succeeded(staff_api):
    wanted = store(status_code=204)
    store(status_code=404)
    assert listed_ids(staff_api.get(ROWS, {"status": "2"})) == [wanted.pk]
    assert indexes_for(staff_api, {"status": "2"}) == {f"{TABLE}_pkey"}


@pytest.mark.parametrize("field", ["session_id", "project_id"])
def test_search_finds_sessions_and_projects(staff_api, field):
    wanted = store(**{field: "a b"})
    store(**{field: "a b c"})
    assert listed_ids(staff_api.get(ROWS, {"q": "a b"})) == [wanted.pk]
    used = indexes_for(staff_api, {"q": "a b"})
    assert used == {"activity_session_hash", "activity_project_hash"}


def test_search_finds_the_rows_of_a_user(staff_api, user):
    wanted = store(user_id=str(user.id))
    store(user_id=str(uuid4()))
    assert listed_ids(staff_api.get(ROWS, {"q": f" {user.email.upper()}"})) == [wanted.pk]


def test_search_finds_a_row(staff_api):
    wanted = store()
    store()
    assert listed_ids(staff_api.get(ROWS, {"q": str(wanted.pk)})) == [wanted.pk]


def test_filters_narrow_each_other(staff_api, user):
    mine = {"user_id": str(user.id), "event_type": "api_request_failed", "status_code": 404}
    wanted = store(**mine)
    store(**mine | {"user_id": str(uuid4())})
    store(**mine | {"event_type": "x"})
    store(**mine | {"status_code": 500})
    store(AT_MS - 86_400_000, **mine)
    query = {"user": user.email, "event_type": "api_request_failed", "status": "4"}
    assert listed_ids(staff_api.get(ROWS, query | {"since": "2026-01-28"})) == [wanted.pk]


@pytest.mark.parametrize(
    "query", ["user=nobody", "user=a%00b", "event_type=a%00b", "status=9", "since=yesterday"]
)
def test_an_invalid_filter_shows_nothing(staff_api, query):
    store()
    assert listed_ids(staff_api.get(f"{ROWS}?{query}")) == []


def test_there_is_no_add_change_or_delete(staff_api):
    row = store()
    for path in ("add/", f"{row.pk}/change/", f"{row.pk}/delete/", f"{row.pk}/history/"):
        assert staff_api.post(ROWS + path, {"post": "yes", "path": "/x"}).status_code == 403
    assert ActivityEvent.objects.get().path == "/api/v1/websites"
