"""Statistics with the token of a share: of its own website, until it is revoked"""

import pytest

from tests.support.events import PATH, event_of
from tests.support.responses import assert_error
from tests.support.shares import token_of_share
from tests.support.statistics import DATABASES
from tests.support.websites import NOT_FOUND
from websites.models import Share

pytestmark = pytest.mark.django_db(databases=DATABASES)
PATHS = ["stats", "stats.csv", "live"]
INVALID = (401, "UNAUTHORIZED", "Invalid or expired token")


@pytest.fixture
def share(website):
    """The token of a share of the website."""
    return token_of_share(website)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.usefixtures("at_now")
def test_a_share_gets_what_the_owner_gets(ask, api, website, share, path):
    api.post(PATH, event_of(website, url="https://example.com/a"))
    answer = ask(path=path, as_token=share)
    assert answer.status_code == 200
    assert answer.content == ask(path=path).content


@pytest.mark.parametrize("path", PATHS)
def test_other_websites_of_its_owner_are_not_found(ask, share, make_website, user, path):
    other = make_website(user, "other.example")
    assert_error(ask(path=path, id=other.id, as_token=share), *NOT_FOUND)
    assert_error(ask(path=path, id="x", as_token=share), *NOT_FOUND)


@pytest.mark.parametrize("path", PATHS)
def test_a_revoked_share_is_invalid_at_once(ask, share, path):
    assert ask(path=path, as_token=share).status_code == 200
    Share.objects.all().delete()
    assert_error(ask(path=path, as_token=share), *INVALID)


@pytest.mark.parametrize("path", PATHS)
def test_the_shares_of_a_disabled_account_are_invalid(ask, share, user, path):
    user.is_active = False
    user.save()
    assert_error(ask(path=path, as_token=share), *INVALID)


@pytest.mark.parametrize("change", [str.lower, lambda token: token[:-1], lambda token: f"{token}="])
def test_another_token_is_invalid(ask, share, change):
    assert_error(ask(as_token=change(share)), *INVALID)


@pytest.mark.usefixtures("clock")
def test_the_requests_of_a_share_are_limited_for_themselves(ask, settings, website, share):
    settings.RATE_STATS = "2/m"
    for path in ("stats", "live"):
        assert ask(path=path, as_token=share).status_code == 200
    response = ask(as_token=share)
    assert_error(
        response,
        429,
        "RATE_LIMITED",
        "Too many requests",
        {"Retry-After": response["Retry-After"]},
    )
    assert ask().status_code == 200
    assert ask(as_token=token_of_share(website)).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_without_the_main_database_they_are_unavailable(ask, share, path, request):
    request.getfixturevalue("main_database_away")
    unavailable = (503, "SERVICE_UNAVAILABLE", "Event storage is unavailable")
    assert_error(ask(path=path, as_token=share), *unavailable)
