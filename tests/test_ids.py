"""UUIDv7: ids that are times."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import ids

LAST_MS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z
times = st.integers(0, LAST_MS)


@given(times)
def test_an_id_is_a_uuid_of_version_7_that_holds_its_time(ms):
    id = ids.new_id(ms)
    assert (id.version, ids.milliseconds_of(id)) == (7, ms)
    assert ids.time_of(id) == ids.moment(ms)


@given(times)
def test_a_time_survives_the_way_through_milliseconds(ms):
    assert ids.milliseconds(ids.moment(ms)) == ms


@given(st.datetimes(datetime(1, 1, 2), timezones=st.timezones()))
def test_finer_fractions_are_cut_off(at):
    kept = ids.moment(ids.milliseconds(at))
    assert timedelta() <= at - kept < timedelta(milliseconds=1)


@given(times)
def test_the_floor_of_a_time_parts_earlier_ids_from_the_others(ms):
    floor = ids.floor(ids.moment(ms))
    assert floor <= ids.new_id(ms)
    assert ids.milliseconds_of(floor) == ms
    if ms:
        assert UUID(int=(ms << 80) - 1) < floor  # the highest id of the time before


@given(st.datetimes(datetime(2015, 1, 1), timezones=st.just(UTC)))
def test_the_floor_of_a_time_is_that_of_its_millisecond(at):
    assert ids.floor(at) == ids.floor(ids.moment(ids.milliseconds(at)))


@given(st.lists(st.integers(1_700_000_000_000, 1_700_000_000_003), max_size=50))
def test_ids_of_a_batch_hold_their_times_and_ascend_where_these_are_equal(moments):
    made = ids.new_ids(moments)
    assert [ids.milliseconds_of(id) for id in made] == moments
    assert len(set(made)) == len(made)
    for ms in set(moments):
        of_this_time = [id for id, its_ms in zip(made, moments, strict=True) if its_ms == ms]
        assert of_this_time == sorted(of_this_time)


def test_a_thousand_ids_of_one_time_ascend():
    made = ids.new_ids([ids.now_ms()] * 1000)
    assert made == sorted(set(made))


def test_the_present_is_that_of_the_clock():
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    at = ids.time_of(ids.new_id_now())
    assert before <= at <= datetime.now(UTC)


@given(st.uuids())
def test_a_canonical_text_names_its_uuid_in_any_case(id):
    assert ids.parse(str(id)) == ids.parse(str(id).upper()) == id


@given(st.text() | st.text("0123456789abcdefABCDEF-", min_size=30, max_size=40))
def test_no_other_text_names_a_uuid(text):
    id = ids.parse(text)
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
    assert ids.parse(write(str(uuid4()))) is None
