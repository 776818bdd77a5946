"""Tracking tokens of pages"""

import hmac
from datetime import UTC, datetime, timedelta
from io import StringIO
from uuid import UUID

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.template import Context, Template

from analytics.sessions import tracking_tokens
from analytics.sessions.tracking_tokens import is_valid

PAGE = UUID("3f2504e0-4f89-41d3-9a0c-0305e82c3301")
OTHER_PAGE = UUID("3f2504e0-4f89-41d3-9a0c-0305e82c3302")
START = datetime(2026, 1, 1, tzinfo=UTC)  # of bucket 5890752
TOKEN = "a1c300ad3727eb475bc314a360557c75"
NEXT_TOKEN = "72166a5e16794555309f49e5fcc73f30"
SECOND = timedelta(seconds=1)
BUCKET = timedelta(seconds=300)
NO_SECRET = "TRACKING_HMAC_SECRET is not set; no token would be valid."


@pytest.fixture(autouse=True)
def _secret(settings):
    settings.TRACKING_HMAC_SECRET = "dev-tracking-secret"


@pytest.fixture
def clock(monkeypatch):
    """Hold the clock of templates and commands at START."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return START

    monkeypatch.setattr("analytics.templatetags.tracking.datetime", Clock)
    monkeypatch.setattr("analytics.management.commands.tracking_token.datetime", Clock)


@pytest.mark.parametrize(
    ("at", "token"),
    [
        (START, TOKEN),
        (START + BUCKET - timedelta(microseconds=1), TOKEN),
        (START + BUCKET, NEXT_TOKEN),
        (START + 2 * BUCKET - SECOND, NEXT_TOKEN),
        (datetime.fromtimestamp(5898768 * 300, UTC), "ec0db57b5734bbbbd99196993ecb8200"),
    ],
)
def test_the_vectors_of_the_contract(at, token):
    assert tracking_tokens.token(PAGE, at) == token
    assert tracking_tokens.token(UUID(str(PAGE).upper()), at) == token


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (START - SECOND, False),
        (START, True),
        (START + BUCKET, True),
        (START + 2 * BUCKET - SECOND, True),
        (START + 2 * BUCKET, False),
        (START + timedelta(minutes=11), False),
    ],
)
def test_a_token_holds_in_its_bucket_and_the_next(now, expected):
    assert is_valid(TOKEN, PAGE, now) is expected


@pytest.mark.parametrize(
    "token",
    [
        "",
        TOKEN[:-1],
        TOKEN + "0" * 8,
        TOKEN.upper(),
        f" {TOKEN}",
        f"{TOKEN}\n",
        "é" * 32,
        "😀",
        "\ud800",
        "\0",
        "x" * 1_000_000,
        TOKEN.encode(),
        None,
        True,
        5,
        [TOKEN],
        {},
    ],
    ids=lambda token: repr(token)[:20],
)
def test_any_other_token_is_not_valid(token):
    assert is_valid(token, PAGE, START) is False


def test_a_token_of_another_page_is_not_valid():
    assert not is_valid(TOKEN, OTHER_PAGE, START)
    assert is_valid(tracking_tokens.token(OTHER_PAGE, START), OTHER_PAGE, START)


def test_a_token_of_another_secret_is_not_valid(settings):
    settings.TRACKING_HMAC_SECRET = "another"
    assert not is_valid(TOKEN, PAGE, START)


def test_without_a_secret_nothing_is_valid(settings):
    settings.TRACKING_HMAC_SECRET = ""
    of_no_secret = hmac.new(b"", f"{PAGE}:5890752".encode(), "sha256").hexdigest()[:32]
    assert not is_valid(of_no_secret, PAGE, START)
    with pytest.raises(ImproperlyConfigured, match=NO_SECRET):
        tracking_tokens.token(PAGE, START)


def test_both_tokens_are_compared_in_constant_time(monkeypatch):
    compared = []

    def compare(sent, valid):
        compared.append((sent, valid))
        return sent == valid

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert is_valid(NEXT_TOKEN, PAGE, START + BUCKET)
    sent = NEXT_TOKEN.encode()
    assert compared == [(sent, sent), (sent, TOKEN.encode())]


# In templates


def render(page):
    text = "{% load tracking %}<p data-token='{% tracking_token page %}'>"
    return Template(text).render(Context({"page": page}))


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("page", [PAGE, str(PAGE), str(PAGE).upper()])
def test_a_template_renders_the_token_of_a_page(page):
    assert render(page) == f"<p data-token='{TOKEN}'>"


def test_a_template_is_rendered_without_a_secret(settings):
    settings.TRACKING_HMAC_SECRET = ""
    assert render(PAGE) == "<p data-token=''>"


def test_a_template_needs_the_id_of_a_page():
    with pytest.raises(ValueError, match="badly formed"):
        render("zz")


# On the command line


def tracking_token(*args):
    out = StringIO()
    call_command("tracking_token", *args, stdout=out)
    return out.getvalue()


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("page", [str(PAGE), str(PAGE).upper()])
def test_the_command_writes_the_token_of_a_page(page):
    assert tracking_token(page) == f"{TOKEN}\n"


@pytest.mark.parametrize("page", ["zz", "", PAGE.hex, f"{{{PAGE}}}"])
def test_the_command_needs_the_id_of_a_page(page):
    with pytest.raises(CommandError) as refusal:
        tracking_token(page)
    assert str(refusal.value) == f"'{page}' is not a UUID."


def test_the_command_needs_the_secret(settings):
    settings.TRACKING_HMAC_SECRET = ""
    with pytest.raises(CommandError) as refusal:
        tracking_token(str(PAGE))
    assert str(refusal.value) == NO_SECRET
