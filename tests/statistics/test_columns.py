"""Columns of numbers, in as few bytes as these need"""

import numpy as np
import pytest

from analytics.reports.derived.day_columns import Column


@pytest.mark.parametrize(
    "numbers",
    [[], [0], [0, 255], [0, 2**32], [0, 2**53 + 1], [-1, 255], [-1, 2**32], [-(2**40), 2**40]],
)
def test_they_come_back_and_can_be_added_up(numbers):
    found = np.zeros(len(numbers), np.int64)
    found += Column.of_numbers(numbers).array()
    assert found.tolist() == numbers
