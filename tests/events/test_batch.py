"""POST /api/v1/events/batch: what is stored"""

from uuid import UUID

import pytest

from analytics.events.models import Event
from config.db import uuid7
from tests.support.events import (
    AT_MS,
    DUPLICATE,
    REJECTED,
    STORED,
    assert_rejected,
    batch_item,
    event_of,
    expected_row,
    full_event_of,
    ids_of,
    new_id,
    partial_body,
    stored_rows,
    unknown_website_item,
)
from tests.support.responses import assert_response

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

IN_USE = "Event id already in use"


def created(*events):
    """Return the body in which every event was created."""
    message = f"Successfully created {len(events)} events"
    return {"success": True, "eventsCreated": len(events), "events": [*events], "message": message}


# What is stored


def test_events_are_stored_and_returned_in_the_order_of_the_request(batch, website):
    first = full_event_of(website)
    second = full_event_of(website, eventType="click", url="https://example.com/2")
    response = batch(first, second)
    a, b = ids_of(response)
    body = created(batch_item(first, website, id=a), batch_item(second, website, id=b))
    assert_response(response, 201, body, STORED)
    assert stored_rows() == [
        expected_row(second, website, id=b),
        expected_row(first, website, id=a),
    ]


def test_one_event_is_a_batch_too(batch, website):
    sent = event_of(website, timestamp=AT_MS)
    response = batch(sent)
    [id] = ids_of(response)
    assert_response(response, 201, created(batch_item(sent, website, id=id)), STORED)
    assert stored_rows() == [expected_row(sent, website, id=id)]


def test_events_of_several_websites_share_a_batch(batch, website, other_website):
    sent = [full_event_of(site) for site in (website, other_website, website)]
    response = batch(*sent)
    a, b, c = ids_of(response)
    body = created(
        batch_item(sent[0], website, id=a),
        batch_item(sent[1], other_website, id=b),
        batch_item(sent[2], website, id=c),
    )
    assert_response(response, 201, body, STORED)
    assert [(str(event["id"]), event["website_id"]) for event in reversed(stored_rows())] == [
        (a, website.id),
        (b, other_website.id),
        (c, website.id),
    ]


def test_a_thousand_events_of_one_time_have_ids_in_the_order_of_the_request(batch, website):
    response = batch(*(event_of(website, timestamp=AT_MS, os=str(n)) for n in range(1000)))
    assert response.status_code == 201
    assert response.json()["eventsCreated"] == 1000
    ids = ids_of(response)
    assert ids == sorted(set(ids))
    assert list(Event.objects.order_by("id").values_list("os", flat=True)) == [
        str(n) for n in range(1000)
    ]


def test_each_event_has_its_own_time(batch, website):
    times = [AT_MS + 2, AT_MS, AT_MS + 1, AT_MS]
    ids = [UUID(id) for id in ids_of(batch(*(event_of(website, timestamp=t) for t in times)))]
    assert [uuid7.ms_of(id) for id in ids] == times
    assert ids[1] < ids[3]


# Duplicates and conflicts


def test_a_repeated_batch_gives_the_same_body_and_no_row(batch, website):
    events = [full_event_of(website, id=new_id()) for _ in range(3)]
    first = batch(*events)
    again = batch(*events)
    assert_response(again, 201, first.json(), DUPLICATE)
    assert len(stored_rows()) == 3


def test_a_duplicate_is_returned_as_it_is_stored(batch, website):
    known, new = full_event_of(website, id=new_id()), full_event_of(website, id=new_id())
    batch(known)
    response = batch(known | {"url": "https://example.com/changed", "eventType": "click"}, new)
    body = created(
        batch_item(known, website, id=known["id"]), batch_item(new, website, id=new["id"])
    )
    assert_response(response, 201, body, STORED)
    assert {str(event["id"]): event["url"] for event in stored_rows()} == {
        known["id"]: known["url"],
        new["id"]: new["url"],
    }


@pytest.mark.parametrize("write", [str, str.upper])
def test_an_id_repeated_within_a_batch_counts_once_at_its_first_place(batch, website, write):
    id, other_id = new_id(), new_id()
    first, between, second = (
        full_event_of(website, id=id, os="first"),
        full_event_of(website, id=other_id),
        full_event_of(website, id=write(id), os="second"),
    )
    response = batch(first, between, second)
    body = created(batch_item(first, website, id=id), batch_item(between, website, id=other_id))
    assert_response(response, 201, body, STORED)
    assert Event.objects.get(id=id).os == "first"
    assert len(stored_rows()) == 2


def test_an_id_of_another_websites_event_fails_alone(batch, website, other_website):
    theirs = full_event_of(other_website, id=new_id())
    batch(theirs)
    good = full_event_of(website, id=new_id())
    response = batch(full_event_of(website, id=theirs["id"]), good)
    body = partial_body([batch_item(good, website, id=good["id"])], [(0, "CONFLICT", IN_USE)])
    assert_response(response, 207, body, STORED)
    assert Event.objects.get(id=theirs["id"]).website_id == other_website.id
    assert len(stored_rows()) == 2


def test_an_id_of_two_websites_within_a_batch_is_the_first_ones(batch, website, other_website):
    id = new_id()
    first = full_event_of(website, id=id)
    response = batch(first, full_event_of(other_website, id=id))
    body = partial_body([batch_item(first, website, id=id)], [(1, "CONFLICT", IN_USE)])
    assert_response(response, 207, body, STORED)
    assert stored_rows() == [expected_row(first, website, id=id)]


def test_a_batch_of_conflicts_is_rejected(batch, website, other_website):
    theirs = full_event_of(other_website, id=new_id())
    batch(theirs)
    response = batch(full_event_of(website, id=theirs["id"]))
    assert_response(response, 207, partial_body([], [(0, "CONFLICT", IN_USE)]), REJECTED)


def test_duplicates_beside_errors_are_no_stored_events(batch, website):
    known = full_event_of(website, id=new_id())
    batch(known)
    response = batch(known, event_of(website, trackingCode="pm-nobody"))
    body = partial_body(
        [batch_item(known, website, id=known["id"])], [unknown_website_item(1, "pm-nobody")]
    )
    assert_response(response, 207, body, DUPLICATE)


# Websites


@pytest.mark.parametrize(
    "code",
    [
        *("", "abc", "pm-nobody", "x" * 64, "😀" * 64, '"{0}', "pm-{input}", "<script>", " "),
        "pm-' OR 1=1 --",
    ],
)
def test_an_unknown_tracking_code_fails_alone(batch, website, code):
    good = full_event_of(website)
    response = batch(event_of(website, trackingCode=code), good)
    [id] = ids_of(response)
    body = partial_body([batch_item(good, website, id=id)], [unknown_website_item(0, code)])
    assert_response(response, 207, body, STORED)
    assert stored_rows() == [expected_row(good, website, id=id)]


def test_a_tracking_code_is_reported_cut_to_64_characters(batch, website):
    response = batch(event_of(website, trackingCode="😀" * 65))
    assert_response(response, 207, partial_body([], [unknown_website_item(0, "😀" * 64)]), REJECTED)


@pytest.mark.parametrize("end", [lambda site: site.change(is_active=False), lambda s: s.delete()])
def test_a_website_that_ended_accepts_no_more_events(batch, website, other_website, end):
    batch(event_of(website))
    end(website)
    response = batch(event_of(website), event_of(other_website, timestamp=AT_MS))
    [id] = ids_of(response)
    body = partial_body(
        [batch_item(event_of(other_website), other_website, id=id)],
        [unknown_website_item(0, website.tracking_code)],
    )
    assert_response(response, 207, body, STORED)
    assert len(stored_rows()) == 2


def test_a_batch_without_any_known_website_is_rejected(batch, website):
    codes = ["pm-nobody", "", "abc"]
    response = batch(*(event_of(website, trackingCode=code) for code in codes))
    body = partial_body([], [unknown_website_item(index, code) for index, code in enumerate(codes)])
    assert body["message"] == "Created 0 events with 3 errors"
    assert_rejected(response, 207, body)
