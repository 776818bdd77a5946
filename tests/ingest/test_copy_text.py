"""Rows as text for COPY: every value comes back as it went in"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import DataError, connections, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.ingest.copy_text import CHUNK_ROWS, chunks, writer_of

CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]  # that do not matter
pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

TYPES = {
    "n": "integer",
    "text": "text",
    "short": "varchar(9)",
    "id": "uuid",
    "at": "timestamp with time zone",
    "flag": "boolean",
    "small": "smallint",
    "big": "bigint",
    "real": "double precision",
    "data": "json",
}
WRITERS = [writer_of(db_type) for db_type in TYPES.values()]
TIMES = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
SPECIAL = st.sampled_from(
    ["\\", "\t", "\n", "\r", "\\N", "\\.", "N", ".", "\b", "\v", "é", "😀", ""]
)
TEXTS = st.text(CHARACTERS) | st.lists(SPECIAL, max_size=5).map("".join)
REALS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53).map(float)
ROWS = st.lists(
    st.tuples(
        st.none() | TEXTS,
        st.none() | st.lists(SPECIAL, max_size=4).map(lambda texts: "".join(texts)[:9]),
        st.none() | st.uuids(),
        st.none() | TIMES,
        st.none() | st.booleans(),
        st.none() | st.integers(-(2**15), 2**15 - 1),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | REALS,
        st.none() | st.sampled_from(['{"a":"\\\\n\\t"}', '{ "a"\n:\t1.10 }', "{}"]),
    ),
    min_size=1,
    max_size=9,
)


@pytest.fixture
def cursor():
    with connections["analytics"].cursor() as cursor:
        columns = ", ".join(f"{name} {db_type}" for name, db_type in TYPES.items())
        cursor.execute(f"CREATE TEMPORARY TABLE copied ({columns}) ON COMMIT DROP")
        yield cursor


def copy_and_read(cursor, rows):
    """Return rows as they come back, their JSON as text."""
    numbered = [(number, *row) for number, row in enumerate(rows)]
    cursor.execute("TRUNCATE copied")
    with cursor.copy("COPY copied FROM STDIN") as copy:
        for lines in chunks(numbered, WRITERS):
            copy.write(lines)
    columns = ", ".join(name if name != "data" else "data::text" for name in [*TYPES][1:])
    cursor.execute(f"SELECT {columns} FROM copied ORDER BY n")
    return cursor.fetchall()


@settings(suppress_health_check=CHECKS)
@given(rows=ROWS)
def test_rows_come_back_as_they_went_in(cursor, rows):
    assert copy_and_read(cursor, rows) == rows


@settings(suppress_health_check=CHECKS)
@given(text=TEXTS)
def test_a_text_comes_back_whatever_its_neighbours(cursor, text):
    rest = (None,) * 8
    rows = [(each, *rest) for each in (None, text, "", "plain", text)]
    assert copy_and_read(cursor, rows) == rows


@pytest.mark.parametrize("count", [1, CHUNK_ROWS - 1, CHUNK_ROWS, CHUNK_ROWS + 1, 3 * CHUNK_ROWS])
def test_no_row_is_lost_between_chunks(cursor, count):
    at = datetime(2026, 1, 28, 20, 0, 0, 123456, tzinfo=UTC)
    rows = [
        (f"{n}\n", "x", UUID(int=n), at + timedelta(days=n % 3), n % 2 == 0, n % 9, n, n / 8, "{}")
        for n in range(count)
    ]
    assert copy_and_read(cursor, rows) == rows


def test_a_real_may_be_written_as_an_integer(cursor):
    row = (None, None, None, None, None, None, None, 80, None)
    assert copy_and_read(cursor, [row, (*row[:7], 55.5, None)])[0][7] == 80.0


def test_a_nul_is_refused_by_the_database(cursor):
    with pytest.raises(DataError), transaction.atomic(using="analytics"):
        copy_nul(cursor)


def copy_nul(cursor):
    with connections["analytics"].wrap_database_errors:
        copy_and_read(cursor, [("\0", *(None,) * 8)])


def test_a_lone_surrogate_is_no_text():
    with pytest.raises(UnicodeError):
        list(chunks([("\ud800",)], [writer_of("text")]))


def test_a_type_without_a_writer_stops_the_start():
    with pytest.raises(TypeError, match="no writer of columns of type interval"):
        writer_of("interval")
