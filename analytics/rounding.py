"""Rounding half up, without the errors of floats."""


def rounded_ratio(part: int, whole: int) -> int:
    """Return part / whole, rounded half up: 2.5 becomes 3, -2.5 becomes -2."""
    return (2 * part + whole) // (2 * whole)


def percentage(part: int, whole: int) -> float | None:
    """Return a part in per cent with one decimal, None where there is no whole."""
    return rounded_ratio(1000 * part, whole) / 10 if whole else None
