"""Lines of numbers over time, as paths of SVG that stretch to the space they get."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

WIDTH, HEIGHT = 1000, 100  # of the view box; the style sheet says how large it is shown
MAX_DATES = 7
GAP = 0.25  # between bars, of their distance
LEVELS = 5


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a small chart."""

    x: float
    y: float
    width: float
    height: float
    text: str


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of one bucket of time, for the pointer."""

    x: float
    width: float
    text: str


class Date(NamedTuple):
    """A text below the chart; x: its place, in per cent of the width."""

    text: str
    x: float


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
    dates: list[Date]  # of the horizontal one


def sparkline(numbers: Sequence[float]) -> str:
    """Return the path of a small line."""
    return _path(_points(numbers, _ceiling(numbers), len(numbers)))


def bars(numbers: Sequence[float], texts: Sequence[str]) -> list[Bar]:
    """Return a bar for each number."""
    ceiling, width = _ceiling(numbers), WIDTH / max(len(numbers), 1)
    return [
        Bar(
            x=round((n + GAP / 2) * width, 2),
            y=round(HEIGHT * (1 - number / ceiling), 2),
            width=round((1 - GAP) * width, 2),
            height=round(HEIGHT * number / ceiling, 2),
            text=text,
        )
        for n, (number, text) in enumerate(zip(numbers, texts, strict=True))
    ]


def level(part: float) -> int:
    """Return how dark a field of a map is, from 0 to LEVELS, by its part of the most."""
    return math.ceil(LEVELS * part)


def chart(
    numbers: Sequence[float],
    before: Sequence[float],
    texts: Sequence[str],
    dates: Sequence[str],
    *,
    is_running: bool,
    format: Callable[[float], str],
) -> Chart:
    """Return a chart of numbers, one for each bucket that has begun.

    texts: what these buckets have. dates: of all buckets. is_running: whether the last of the
    numbers may still grow.
    """
    ceiling = _ceiling([*numbers, *before])
    points = _points(numbers, ceiling, len(dates))
    whole, running = (points[:-1], points[-2:]) if is_running else (points, [])
    floor = [(points[-1][0], HEIGHT), (points[0][0], HEIGHT)] if points else []
    width = WIDTH / max(len(dates), 1)
    slots = [Slot(round(n * width, 2), round(width, 2), text) for n, text in enumerate(texts)]
    return Chart(
        whole=_path(whole),
        running=_path(running),
        area=_path([*points, *floor]),
        before=_path(_points(before, ceiling, len(dates))),
        slots=slots,
        ticks=[format(ceiling), format(ceiling / 2), format(0)],
        dates=list(_some(dates)),
    )


def _some(dates: Sequence[str]) -> Iterator[Date]:
    """Yield so many of the dates that they have space, each in the middle of its bucket."""
    step = max(math.ceil(len(dates) / MAX_DATES), 1)
    for n in range((len(dates) - 1) % step // 2, len(dates), step):
        yield Date(dates[n], round(100 * (n + 0.5) / len(dates), 2))


def _points(numbers: Sequence[float], ceiling: float, buckets: int) -> list[tuple[float, float]]:
    """Return the middle of each bucket at the height of its number."""
    step = WIDTH / max(buckets, 1)
    return [
        (round((n + 0.5) * step, 2), round(HEIGHT * (1 - number / ceiling), 2))
        for n, number in enumerate(numbers)
    ]


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points) if points else ""


def _ceiling(numbers: Sequence[float]) -> float:
    """Return the least round number that no number exceeds, and whose half is whole."""
    most = max(numbers, default=0)
    if most <= 2:
        return 2
    power = 10.0 ** math.floor(math.log10(most))
    rounds = (step * power for step in (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10))
    return next(number for number in rounds if number >= most and number % 2 == 0)
