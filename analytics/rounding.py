"""Rounding half up, without the errors of floats."""


def rounded_ratio(part: int, whole: int) -> int:
    """Return part / whole, rounded half up: 2.5 becomes 3, -2.5 becomes -2."""
    return (2 * part + whole) // (2 * whole)
