"""Lines of numbers over time, as paths of SVG that stretch to the space they get."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 1000, 100  # of the view box; the style sheet says how large it is shown


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of one bucket of time, for the pointer."""

    x: float
    width: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A line, the line before it, and the ticks of both axes.

    whole, running: the path of the complete buckets, and of the last one if time still runs in it.
    """

    whole: str
    running: str
    area: str
    before: str
    slots: list[Slot]
    ticks: list[str]  # of the vertical axis, from the top
    dates: list[str]  # of the horizontal one


def sparkline(numbers: Sequence[float]) -> str:
    """Return the path of a small line."""
    return _path(_points(numbers, _ceiling(numbers)))


def chart(
    numbers: Sequence[float],
    before: Sequence[float],
    texts: Sequence[str],
    dates: Sequence[str],
    *,
    is_running: bool,
    format: Callable[[float], str],
) -> Chart:
    """Return a chart of numbers, one for each bucket.

    texts: the label of each bucket. is_running: whether the last bucket is not over.
    """
    ceiling = _ceiling([*numbers, *before])
    points = _points(numbers, ceiling)
    whole, running = (points[:-1], points[-2:]) if is_running else (points, [])
    floor = [(points[-1][0], HEIGHT), (points[0][0], HEIGHT)] if points else []
    width = WIDTH / max(len(numbers), 1)
    slots = [Slot(round(n * width, 2), round(width, 2), text) for n, text in enumerate(texts)]
    return Chart(
        whole=_path(whole),
        running=_path(running),
        area=_path([*points, *floor]),
        before=_path(_points(before, ceiling)),
        slots=slots,
        ticks=[format(ceiling), format(ceiling / 2), format(0)],
        dates=[dates[0], dates[len(dates) // 2], dates[-1]] if len(dates) > 2 else list(dates),
    )


def _points(numbers: Sequence[float], ceiling: float) -> list[tuple[float, float]]:
    """Return the middle of each bucket at the height of its number."""
    step = WIDTH / max(len(numbers), 1)
    return [
        (round((n + 0.5) * step, 2), round(HEIGHT * (1 - number / ceiling), 2))
        for n, number in enumerate(numbers)
    ]


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points) if points else ""


def _ceiling(numbers: Sequence[float]) -> float:
    """Return the least round number that no number exceeds."""
    most = max(numbers, default=0)
    if most <= 2:
        return 2
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in (1, 2, 4, 5, 6, 8, 10) if step * power >= most)
