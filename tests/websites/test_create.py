"""POST /api/v1/websites"""

import re

import pytest

from config.db import uuid7
from tests.support.responses import assert_error, assert_invalid, assert_response, run_concurrently
from tests.support.websites import BROKEN, GOOD, TAKEN, website_body
from websites.domains import normalised_host
from websites.models import Website

pytestmark = pytest.mark.django_db


def test_a_new_website_is_stored_and_returned(post, user):
    response = post(GOOD)
    website = Website.objects.get()
    body = response.json()
    assert_response(response, 201, website_body(website))
    assert website.id.version == 7
    assert {name: body[name] for name in GOOD} == GOOD
    assert (body["userId"], body["isActive"]) == (str(user.id), True)
    assert body["updatedAt"] == body["createdAt"]
    created_ms = uuid7.ms_of(website.id)
    assert re.fullmatch(rf"pm-[a-z0-9]{{6}}-{created_ms:013d}", body["trackingCode"])


@pytest.mark.parametrize(
    "change",
    [
        {"name": "x" * 255},
        {"name": " "},
        {"name": "<script>alert(1)</script>"},
        {"domain": "localhost:3000"},
        {"domain": "https://user:secret@www.Example.com:8443/shop?a=1#b"},
        {"domain": "HTTP://EXAMPLE.COM"},
        {"domain": "192.0.2.1"},
        {"domain": "[2001:db8::1]:80"},
        {"domain": "münchen.example"},
        {"domain": "☃.example"},
        {"domain": ".".join("☃" * 127)},
        {"domain": "https://👩\u200d💻.example/"},
        {"domain": f"{'a' * 251}.com"},
        {"description": None},
        {"description": ""},
        {"description": "é" * 1000},
        {"isActive": "no", "trackingCode": 5, "userId": "x", "id": None},
    ],
)
def test_valid_values_are_stored_unchanged(post, user, change):
    body = GOOD | change
    assert post(body).status_code == 201
    website = Website.objects.get()
    stored = {name: getattr(website, name) for name in GOOD}
    assert stored == {name: body[name] for name in GOOD}
    assert (website.is_active, website.user) == (True, user)


def test_without_a_description_it_is_null(post):
    response = post({"name": "My Website", "domain": "example.com"})
    assert response.json()["description"] is None
    assert Website.objects.get().description is None


@pytest.mark.parametrize(("field", "value", "messages"), BROKEN)
def test_a_new_website_must_keep_the_rules(post, field, value, messages):
    assert_invalid(post(GOOD | {field: value}), fields={field: messages})
    assert not Website.objects.exists()


@pytest.mark.parametrize("body", [b"", {}])
def test_name_and_domain_are_required(post, body):
    assert_invalid(post(body), fields={"name": ["Required"], "domain": ["Required"]})


@pytest.mark.parametrize(
    ("domain", "host"),
    [
        ("example.com", "example.com"),
        ("EXAMPLE.com.", "example.com"),
        ("www.example.com", "example.com"),
        ("https://WWW.Example.com/shop", "example.com"),
        ("http://user:pw@example.com:81/?a#b", "example.com"),
        ("example.com:3000", "example.com"),
        ("www2.example.com", "www2.example.com"),
        ("www.www.example.com", "www.example.com"),
        ("MÜNCHEN.example", "xn--mnchen-3ya.example"),
        ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
        ("my_host", "my_host"),
        ("[2001:DB8::1]:80", "[2001:db8::1]"),
        ("☃.example", "xn--n3h.example"),
        ("xn--n3h.example", "xn--n3h.example"),
        ("❤️.example", "xn--qei.example"),
        ("❤.example", "xn--qei.example"),
        ("my_hóst.example", "xn--my_hst-exa.example"),
        (".".join("☃" * 100), ".".join("☃" * 100)),  # too long for the DNS
    ],
)
def test_the_host_is_what_counts_of_a_domain(domain, host):
    assert normalised_host(domain) == host


@pytest.mark.parametrize(
    "domain", ["example.com", "https://www.Example.com/shop", "EXAMPLE.COM.:8080"]
)
def test_one_host_belongs_to_one_website_of_a_user(post, website, domain):
    assert_error(post(GOOD | {"domain": domain}), *TAKEN)
    assert list(Website.objects.all()) == [website]


def test_another_user_may_have_the_same_host(post, make_website, stranger):
    make_website(stranger)
    assert post(GOOD).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_of_two_concurrent_websites_of_one_host_one_wins(post):
    responses = run_concurrently(
        lambda: post(GOOD), lambda: post(GOOD | {"domain": "www.example.com"})
    )
    winner, loser = sorted(responses, key=lambda response: response.status_code)
    assert winner.status_code == 201
    assert_error(loser, *TAKEN)
    assert Website.objects.count() == 1
