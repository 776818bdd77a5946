"""Events that the settings of their website leave out"""

from ipaddress import ip_network

import pytest

from tests.support.events import (
    ID,
    KILL_SWITCH,
    PATH,
    STORED,
    batch_item,
    event_body,
    event_of,
    full_event_of,
    ids_of,
    new_id,
    partial_body,
    stored_rows,
    unknown_website_item,
)
from tests.support.metrics import outcome_counter
from tests.support.responses import assert_error, assert_response
from tests.support.runtime_settings import change_settings
from tests.support.sessions import SESSION, session_of

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

DROPPED = {"X-Event-Outcome": "dropped; reason=website_settings"}


@pytest.fixture
def outcome_of(api, website):
    """Post an event, and return what became of it; a row was stored or not."""

    def post(url="https://example.com/", **headers):
        before = len(stored_rows())
        more = {name: headers.pop(name) for name in ("REMOTE_ADDR",) if name in headers}
        outcome = api.post(PATH, event_of(website, url=url), headers=headers, **more)
        is_stored = outcome["X-Event-Outcome"] == "stored"
        assert len(stored_rows()) == before + is_stored
        assert is_stored or outcome["X-Event-Outcome"] == DROPPED["X-Event-Outcome"]
        return is_stored

    return post


# Answers


def test_an_event_that_is_left_out_gets_its_usual_answer(api, website):
    website.change(allowed_hosts=["other.example"])
    sent = full_event_of(website)
    counted = outcome_counter(api, "events")
    response = api.post(PATH, sent)
    id = response.json()["id"]
    assert_response(response, 201, event_body(sent, website, id=id), DROPPED)
    assert stored_rows() == []
    assert_error(api.get(f"{PATH}/{id}"), 404, "NOT_FOUND", "Event not found")
    assert counted() == {("dropped", "website_settings"): 1}


def test_events_that_are_left_out_are_missing_in_the_answer_to_a_batch(
    batch, website, other_website
):
    website.change(allowed_hosts=["example.com"])
    wanted = full_event_of(website, id=new_id())
    others = full_event_of(other_website, id=new_id(), url="https://staging.example/")
    unwanted = full_event_of(website, url="https://staging.example/")
    body = {
        "success": True,
        "eventsCreated": 2,
        "events": [
            batch_item(wanted, website, id=wanted["id"]),
            batch_item(others, other_website, id=others["id"]),
        ],
        "message": "Successfully created 2 events",
    }
    assert_response(batch(unwanted, wanted, unwanted, others), 201, body, STORED)
    assert {str(row["id"]) for row in stored_rows()} == {wanted["id"], others["id"]}


def test_a_batch_of_nothing_else_creates_nothing(batch, website):
    website.change(allowed_hosts=["other.example"])
    body = {
        "success": True,
        "eventsCreated": 0,
        "events": [],
        "message": "Successfully created 0 events",
    }
    assert_response(batch(*[event_of(website)] * 3), 201, body, DROPPED)
    assert stored_rows() == []


def test_beside_failures_they_are_no_failures(batch, website):
    website.change(allowed_hosts=["other.example"])
    response = batch(event_of(website), event_of(website, trackingCode="pm-nobody"))
    assert_response(
        response, 207, partial_body([], [unknown_website_item(1, "pm-nobody")]), DROPPED
    )


def test_an_id_counts_only_of_what_is_wanted(batch, website):
    website.change(allowed_hosts=["example.com"])
    unwanted = event_of(website, id=ID, url="https://staging.example/")
    response = batch(unwanted, event_of(website, id=ID))
    assert (response.status_code, ids_of(response)) == (201, [ID])
    assert [row["url"] for row in stored_rows()] == ["https://example.com/"]


def test_the_kill_switch_comes_first(api, website):
    website.change(allowed_hosts=["other.example"])
    change_settings(events_enabled="false")
    assert api.post(PATH, event_of(website))["X-Event-Outcome"] == KILL_SWITCH["X-Event-Outcome"]


def test_checks_of_fields_come_before_the_settings(api, website):
    website.change(allowed_hosts=["other.example"])
    assert api.post(PATH, event_of(website, url="x")).status_code == 400
    assert stored_rows() == []


# When they count


def test_a_change_counts_within_five_seconds(website, outcome_of, clock):
    assert outcome_of()
    type(website).objects.update(allowed_hosts=["other.example"])  # as in another process
    clock.move(seconds=5)
    assert not outcome_of()


def test_an_old_code_obeys_the_settings(api, website):
    old = website.rotate_code()
    website.change(allowed_hosts=["other.example"])
    response = api.post(PATH, event_of(website, trackingCode=old))
    assert response["X-Event-Outcome"] == DROPPED["X-Event-Outcome"]


def test_settings_cost_no_query(api, website, django_assert_num_queries, unrecorded):
    website.change(allowed_hosts=["example.com"], ignored_networks=["10.0.0.0/8"])
    api.post(PATH, event_of(website))
    with django_assert_num_queries(0):
        api.post(PATH, event_of(website, url="https://other.example/"))


# Hosts


@pytest.mark.parametrize(
    ("allowed", "host"),
    [
        ("example.com", "example.com"),
        ("example.com", "EXAMPLE.com:8080"),
        ("Example.COM.", "example.com"),
        ("example.com", "example.com."),
        ("example.com", "www.example.com"),
        ("www.example.com", "example.com"),
        ("*.example.com", "www.example.com"),
        ("*.example.com", "a.b.example.com"),
        ("*.EXAMPLE.com", "A.example.com"),
        ("münchen.example", "xn--mnchen-3ya.example"),
        ("xn--mnchen-3ya.example", "MÜNCHEN.example"),
        ("*.münchen.example", "shop.xn--mnchen-3ya.example"),
        ("www.com", "www.com"),
        ("localhost", "user@localhost:3000"),
        ("192.0.2.1", "192.0.2.1"),
        ("[2001:DB8:0::1]", "[2001:db8::1]:80"),
    ],
)
def test_a_host_is_allowed_in_each_spelling(website, outcome_of, allowed, host):
    website.change(allowed_hosts=["nowhere.example", allowed])
    assert outcome_of(f"https://{host}/page")


@pytest.mark.parametrize(
    ("allowed", "url"),
    [
        ("example.com", "https://example.com.evil.example/"),
        ("example.com", "https://notexample.com/"),
        ("example.com", "https://blog.example.com/"),
        ("example.com", "https://evil.example/?https://example.com/"),
        ("example.com", "https://example.com@evil.example/"),
        ("*.example.com", "https://example.com/"),
        ("*.example.com", "https://notexample.com/"),
        ("www.com", "https://com/"),
        ("example.com", "file:///index.html"),
    ],
)
def test_other_hosts_are_not_allowed(website, outcome_of, allowed, url):
    website.change(allowed_hosts=[allowed])
    assert not outcome_of(url)


def test_without_a_list_all_hosts_are_allowed(website, outcome_of):
    website.change(honour_privacy_signals=True)
    assert outcome_of("https://anything.example/")


# Networks


@pytest.mark.parametrize(
    ("network", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.0/24", "192.0.2.200"),
        ("192.0.2.9/24", "192.0.2.200"),
        ("192.0.2.7", "::ffff:192.0.2.7"),
        ("::ffff:192.0.2.0/120", "192.0.2.200"),
        ("2001:db8::/32", "2001:db8:1::5"),
        ("2001:0DB8::1", "2001:db8::1"),
    ],
)
def test_a_network_is_ignored(website, outcome_of, network, address):
    website.change(ignored_networks=["203.0.113.0/24", network])
    assert not outcome_of(REMOTE_ADDR=address)
    assert outcome_of(REMOTE_ADDR="198.51.100.1")
    assert outcome_of(REMOTE_ADDR="2001:db9::1")


def test_behind_a_proxy_the_address_of_the_client_counts(website, outcome_of, settings):
    website.change(ignored_networks=["192.0.2.7"])
    assert outcome_of(**{"X-Forwarded-For": "192.0.2.7"})
    settings.TRUSTED_PROXIES = [ip_network("127.0.0.0/8")]
    assert not outcome_of(**{"X-Forwarded-For": "192.0.2.7"})


def test_a_client_without_an_address_is_not_ignored(website, outcome_of):
    website.change(ignored_networks=["0.0.0.0/0", "::/0"])
    assert outcome_of(REMOTE_ADDR="")
    assert not outcome_of(REMOTE_ADDR="198.51.100.1")


# Privacy signals


@pytest.mark.parametrize(
    ("headers", "is_dropped"),
    [
        ({"Sec-GPC": "1"}, True),
        ({"DNT": "1"}, True),
        ({"Sec-GPC": "1", "DNT": "0"}, True),
        ({"DNT": "0"}, False),
        ({"DNT": "unspecified"}, False),
        ({"Sec-GPC": "0"}, False),
        ({"Sec-GPC": "?1"}, False),
        ({}, False),
    ],
)
def test_a_privacy_signal_is_honoured_where_the_website_does(
    website, outcome_of, headers, is_dropped
):
    assert outcome_of(**headers)
    website.change(honour_privacy_signals=True)
    assert outcome_of(**headers) is not is_dropped


def test_a_signal_is_one_of_all_events_of_a_batch(api, website, other_website):
    website.change(honour_privacy_signals=True)
    events = [event_of(website), event_of(other_website), event_of(website)]
    response = api.post(f"{PATH}/batch", {"events": events}, headers={"DNT": "1"})
    assert (response.status_code, response.json()["eventsCreated"]) == (201, 1)
    assert [row["website_id"] for row in stored_rows()] == [other_website.id]


def test_sessions_go_by_their_consent_alone(api, website):
    website.change(honour_privacy_signals=True)
    response = api.post(SESSION, session_of(), headers={"DNT": "1", "Sec-GPC": "1"})
    assert response["X-Event-Outcome"] == "stored"
