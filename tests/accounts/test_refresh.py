"""POST /api/v1/auth/refresh"""

from functools import partial

import jwt
import pytest
from django.core.management import call_command
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from tests.support.accounts import PASSWORD
from tests.support.responses import assert_error, assert_invalid, assert_response, run_concurrently
from websites import tokens
from websites.signed_tokens import RefreshToken

pytestmark = pytest.mark.django_db

PATH = "/api/v1/auth/refresh"
GOOD = {"email": "user@example.com", "password": PASSWORD}
INVALID = (401, "UNAUTHORIZED", "Invalid or expired refresh token")


def post(api, token):
    return api.post(PATH, {"refreshToken": token})


@pytest.fixture
def refresh_token(user):
    return tokens.issue(user).refresh


@pytest.fixture
def forge(forge):
    """Sign a refresh token of the user with some claims changed."""
    return partial(forge, token_type="refresh")


def test_a_refresh_token_gives_a_new_pair_once(api, user, refresh_token):
    response = post(api, refresh_token)
    pair = response.json()["tokens"]
    access, refresh = pair["accessToken"], pair["refreshToken"]
    body = {"tokens": {"accessToken": access, "refreshToken": refresh, "expiresIn": 3600}}
    assert_response(response, 200, body)
    assert tokens.verify(access).user_id == user.id
    assert refresh != refresh_token

    assert_error(post(api, refresh_token), *INVALID)
    assert post(api, refresh).status_code == 200


def chain(api, length):
    """Return refresh tokens of one login of which each was exchanged for the next, by a client."""
    made = [api.post("/api/v1/auth/login", GOOD).json()]
    for _ in range(length - 1):
        made.append(post(api, made[-1]["tokens"]["refreshToken"]).json())
    return [(each["tokens"]["accessToken"], each["tokens"]["refreshToken"]) for each in made]


def is_valid(api, access):
    tokens.reset()  # as after two seconds
    return api.get("/api/v1/auth/me", token=access).status_code == 200


@pytest.mark.parametrize("used", [0, 1])
def test_a_token_that_comes_again_much_later_ends_what_descends_from_its_login(
    api, user, clock, used
):
    (_, other), found = chain(api, 1)[0], chain(api, 3)
    clock.move(seconds=30.001)
    assert_error(post(api, found[used][1]), *INVALID)
    call_command("flushexpiredtokens")
    assert [is_valid(api, access) for access, _ in found] == [False] * 3
    assert_error(post(api, found[2][1]), *INVALID)
    assert post(api, other).status_code == 200


def test_a_token_that_comes_again_soon_logs_nobody_out(api, user, clock):
    found = chain(api, 2)
    clock.move(seconds=30)
    assert_error(post(api, found[0][1]), *INVALID)
    assert is_valid(api, found[0][0])
    assert post(api, found[1][1]).status_code == 200


def test_a_token_that_comes_again_after_a_logout_logs_nobody_out(api, user, clock):
    [(access, refresh)] = chain(api, 1)
    other = tokens.issue(user).access
    api.post("/api/v1/auth/logout", {"refreshToken": refresh}, token=other)
    clock.move(seconds=60)
    assert_error(post(api, refresh), *INVALID)
    assert is_valid(api, access)


@pytest.mark.parametrize("jti", ["0123456789abcdef", "0123456789abcdef.{generation}"])
def test_a_token_of_before_an_upgrade_begins_a_family(api, user, forge, clock, jti):
    claims = jwt.decode(tokens.issue(user).refresh, options={"verify_signature": False})
    old = forge(jti=jti.format(generation=claims["jti"].split(".")[1]))
    new = post(api, old).json()["tokens"]
    assert is_valid(api, new["accessToken"])
    clock.move(seconds=31)
    assert_error(post(api, old), *INVALID)
    assert not is_valid(api, new["accessToken"])
    assert_error(post(api, new["refreshToken"]), *INVALID)


@pytest.mark.django_db(transaction=True)
def test_of_two_concurrent_uses_one_wins(api, refresh_token):
    responses = run_concurrently(*[lambda: post(api, refresh_token)] * 2)
    winner, loser = sorted(responses, key=lambda response: response.status_code)
    assert winner.status_code == 200
    assert_error(loser, *INVALID)
    assert BlacklistedToken.objects.count() == 1


def test_a_well_signed_token_is_accepted(api, forge):
    assert post(api, forge()).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": 1},
        {"exp": "soon"},
        {"token_type": "access"},
        {"token_type": None},
        {"user_id": "019c0427-2440-74f8-996d-a763b7a969b1"},
        {"user_id": "1"},
        {"user_id": None},
        {"jti": None, "sub": None},
        {"key": "another-key-" + "x" * 50},
        {"algorithm": "HS384"},
    ],
)
def test_foreign_refresh_tokens_are_rejected(api, forge, changed):
    assert_error(post(api, forge(**changed)), *INVALID)
    assert not BlacklistedToken.objects.exists()


@pytest.mark.parametrize("junk", ["x", "a.b.c", "...", "é.é.é", "eyJ" * 300_000])
def test_junk_is_rejected(api, junk):
    assert_error(post(api, junk), *INVALID)


def test_an_access_token_is_rejected(api, token):
    assert_error(post(api, token), *INVALID)


def test_a_token_of_an_inactive_user_is_rejected(api, user, refresh_token):
    user.is_active = False
    user.save()
    assert_error(post(api, refresh_token), *INVALID)


def test_a_token_of_a_deleted_user_is_rejected(api, user, refresh_token):
    user.delete()
    assert_error(post(api, refresh_token), *INVALID)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "Required"),
        ({}, "Required"),
        ({"refreshToken": ""}, "Refresh token is required"),
        ({"refreshToken": 5}, "Expected string, received number"),
        ({"refreshToken": None}, "Expected string, received null"),
    ],
)
def test_the_token_is_a_required_text(api, body, message):
    response = api.post(PATH, body)
    assert_invalid(response, fields={"refreshToken": [message]})


@pytest.mark.usefixtures("main_database_away")
def test_without_the_main_database_the_service_is_unavailable(api):
    token = RefreshToken()
    token["user_id"] = "019c0427-2440-74f8-996d-a763b7a969b1"
    assert_error(post(api, str(token)), 503, "SERVICE_UNAVAILABLE", "Storage is unavailable")


def test_rows_of_revoked_tokens_go_when_these_have_expired(api, refresh_token):
    post(api, refresh_token)
    assert OutstandingToken.objects.get().token == ""
    call_command("flushexpiredtokens")
    assert BlacklistedToken.objects.count() == 1
    OutstandingToken.objects.update(expires_at="2020-01-01T00:00:00Z")
    call_command("flushexpiredtokens")
    assert not BlacklistedToken.objects.exists()


def test_a_crash_is_reported_without_details(api, monkeypatch, caplog):
    monkeypatch.setattr("websites.tokens.rotate", None)
    assert_error(post(api, "x"), 500, "INTERNAL_ERROR", "Request failed")
    assert "NoneType" in caplog.text
