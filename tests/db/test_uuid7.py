"""UUIDv7"""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.db import uuid7

LAST_MS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z
times = st.integers(0, LAST_MS)


@given(times)
def test_an_id_is_a_uuid_of_version_7_that_holds_its_time(ms):
    id = uuid7.new_id(ms)
    assert (id.version, uuid7.ms_of(id)) == (7, ms)
    assert uuid7.time_of(id) == uuid7.from_ms(ms)


@given(times)
def test_a_time_survives_the_way_through_milliseconds(ms):
    assert uuid7.to_ms(uuid7.from_ms(ms)) == ms


@given(st.datetimes(datetime(1, 1, 2), timezones=st.timezones()))
def test_finer_fractions_are_cut_off(at):
    kept = uuid7.from_ms(uuid7.to_ms(at))
    assert timedelta() <= at - kept < timedelta(milliseconds=1)


@given(times)
def test_the_floor_of_a_time_parts_earlier_ids_from_the_others(ms):
    floor = uuid7.floor(uuid7.from_ms(ms))
    assert floor <= uuid7.new_id(ms)
    assert uuid7.ms_of(floor) == ms
    if ms:
        assert UUID(int=(ms << 80) - 1) < floor  # the highest id of the time before


@given(st.datetimes(datetime(2015, 1, 1), timezones=st.just(UTC)))
def test_the_floor_of_a_time_is_that_of_its_millisecond(at):
    assert uuid7.floor(at) == uuid7.floor(uuid7.from_ms(uuid7.to_ms(at)))


@given(st.lists(st.integers(1_700_000_000_000, 1_700_000_000_003), max_size=50))
def test_ids_of_a_batch_hold_their_times_and_ascend_where_these_are_equal(moments):
    made = uuid7.new_ids(moments)
    assert [uuid7.ms_of(id) for id in made] == moments
    assert len(set(made)) == len(made)
    for ms in set(moments):
        of_this_time = [id for id, its_ms in zip(made, moments, strict=True) if its_ms == ms]
        assert of_this_time == sorted(of_this_time)


def test_a_thousand_ids_of_one_time_ascend():
    made = uuid7.new_ids([uuid7.now_ms()] * 1000)
    assert made == sorted(set(made))


def test_the_present_is_that_of_the_clock():
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    at = uuid7.time_of(uuid7.new_id_now())
    assert before <= at <= datetime.now(UTC)


@given(st.uuids())
def test_a_canonical_text_names_its_uuid_in_any_case(id):
    assert uuid7.parse(str(id)) == uuid7.parse(str(id).upper()) == id


@given(st.text() | st.text("0123456789abcdefABCDEF-", min_size=30, max_size=40))
def test_no_other_text_names_a_uuid(text):
    id = uuid7.parse(text)
    assert id is None or str(id) == text.lower()


@pytest.mark.parametrize(
    "write",
    [
        lambda text: text.replace("-", ""),
        lambda text: f"{{{text}}}",
        lambda text: f"urn:uuid:{text}",
        lambda text: f"{text}\n",
        lambda text: f" {text}",
        lambda text: text[:-1],
        lambda text: text + "0",
        lambda text: "\u0660" + text[1:],  # an Arabic digit
        lambda text: "g" + text[1:],
        lambda text: text.replace("-", "_"),
    ],
)
def test_a_uuid_written_otherwise_is_none(write):
    assert uuid7.parse(write(str(uuid4()))) is None
